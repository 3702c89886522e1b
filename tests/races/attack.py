"""Helpers of the race tests: concurrent calls, Onfido's state, a second provider."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import requests

from connector.domain.tenancy import Tenant
from connector.store.people import users
from connector.store.sealed import user_value
from connector.store.vault import Vault, read_keys
from tests.bodies import API_TOKEN, config_properties, event_body, provider_body
from tests.harness import Caller, World, onfido_of, run_id_of, verified
from tests.patience import LEASE
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

RUN_SETTLE_TIME = 2 * LEASE  # seconds
PROVIDERS = "/api/server/v1/idv-providers"
WEBHOOK_TOKEN = "signs what the tests post"
CLAIMS = "/api/users/v1/{}/idv/claims"
COMPARED_AS = {GIVEN_NAME: "first_name", LAST_NAME: "last_name", BIRTH_DATE: "date_of_birth"}
ALL_CLEAR: dict[str, str | None] = dict.fromkeys(COMPARED_AS.values(), "clear")

OPEN_ALREADY, BEING_STARTED, ALL_VERIFIED = (400, "OIDV-10004"), (400, "OIDV-10048"), (400, "OIDV-10049")
UNREACHABLE = (503, "OIDV-10046")


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same moment, each in its own thread; return the answers in the order of the calls."""
    barrier = threading.Barrier(len(calls))

    def at_once(call: Callable[[], Any]) -> Any:
        barrier.wait(60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(at_once, calls))


def outcome_of(answer: requests.Response) -> tuple[int, str | None]:
    """Return an answer's status and error code."""
    return answer.status_code, answer.json().get("code")


def outcomes_of(answers: Iterable[requests.Response]) -> Counter[tuple[int, str | None]]:
    """Count the answers by status and error code."""
    return Counter(map(outcome_of, answers))


def assert_one_started(answers: Sequence[requests.Response]) -> None:
    """Check that one request got the run, and that the others learned that it is open or being started."""
    outcomes = outcomes_of(answers)
    assert outcomes[(200, None)] == 1, outcomes
    assert set(outcomes) <= {(200, None), OPEN_ALREADY, BEING_STARTED}
    being_started = [answer for answer in answers if outcome_of(answer) == BEING_STARTED]
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in being_started)


def told(claims: Mapping[str, Any], key: str) -> set[str | None]:
    """Return the values of a key in the claims' metadata."""
    return {claim["claimMetadata"].get(key) for claim in claims.values()}


def run_status(caller: Caller) -> set[str | None]:
    """Return the status of the run that the caller's claims belong to."""
    return told(caller.claims(), "onfido_workflow_status")


def wait_for_status(world: World, caller: Caller, status: str) -> None:
    """Wait until the run of the caller's claims has this status."""
    world.wait_until(lambda: run_status(caller) == {status})


def verdicts(caller: Caller) -> dict[str, str | None]:
    """Return the verification's result for each of the caller's claims."""
    return {uri: claim["claimMetadata"].get("onfido_verification_status") for uri, claim in caller.claims().items()}


def runs_at_onfido(world: World) -> set[str]:
    """Return the ids of all runs ever started, each of which is charged."""
    return {run["id"] for run in world.onfido_state()["runs"]}


def applicants_at_onfido(world: World) -> int:
    """Count the applicants that were ever made."""
    return int(world.onfido_state()["counts"]["applicants"])


def sent_values(world: World, run_id: str) -> dict[str, str]:
    """Return the claims' values that the run's applicant has at Onfido."""
    applicant = onfido_get(world, f"applicants/{onfido_get(world, f'workflow_runs/{run_id}')['applicant_id']}")
    return {uri: applicant[name] for uri, name in MAPPING.items() if name in applicant}


def onfido_get(world: World, path: str) -> dict[str, Any]:
    """Read from Onfido's API."""
    answer = _onfido(world, "GET", path)
    found: dict[str, Any] = answer.json()
    return found


def delete_applicant(world: World, run_id: str) -> None:
    """Delete a run's applicant at Onfido."""
    _onfido(world, "DELETE", f"applicants/{onfido_get(world, f'workflow_runs/{run_id}')['applicant_id']}")


def forget_everything(world: World) -> None:
    """Remove every run, applicant and webhook from Onfido."""
    answer = requests.post(f"{world.simulator.url}/simulator/reset", timeout=60)
    assert answer.ok, answer.text


def _onfido(world: World, method: str, path: str) -> requests.Response:
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    answer = requests.request(method, f"{world.simulator.api_url}/{path}", headers=headers, timeout=60)
    assert answer.ok, answer.text
    return answer


def end_run(
    world: World, run_id: str, status: str = "approved", comparisons: Mapping[str, str | None] = ALL_CLEAR
) -> bytes:
    """End a run at Onfido, and return its event."""
    world.outcome(run_id, status=status, comparisons=dict(comparisons))
    return event_body(run_id, status, comparisons)


def settle(world: World, run_id: str, status: str = "approved", **comparisons: str | None) -> None:
    """End a run with everything clear except the named comparisons, and post its event."""
    body = end_run(world, run_id, status, ALL_CLEAR | comparisons)
    assert world.post_event(body).status_code == 200


def add_provider(world: World, name: str = "Onfido") -> World:
    """Register a provider that accepts the events signed by the test, with limits that no attack reaches."""
    properties = config_properties(world.simulator, webhook_token=WEBHOOK_TOKEN, max_attempts="100")
    body = provider_body(world.simulator, name=name, configProperties=properties)
    answer = admin_of(world).post(PROVIDERS, body)
    assert answer.status_code == 201, answer.text
    return replace(world, provider_id=answer.json()["id"], webhook_token=WEBHOOK_TOKEN)


def register_webhook(world: World) -> World:
    """Register a webhook, so that Onfido itself posts the provider's events."""
    onfido = onfido_of(world)
    url = f"{world.connector.url}/t/{world.tenant}/idv/onfido/v1/{world.provider_id}/verify"
    token = onfido.create_webhook(url=url, events=["workflow_run.completed"], name="races").token or ""
    change_provider(world, configProperties=config_properties(world.simulator, webhook_token=token))
    return replace(world, webhook_token=token)


def change_provider(world: World, **changes: Any) -> None:
    """Replace the provider's configuration."""
    answer = admin_of(world).put(f"{PROVIDERS}/{world.provider_id}", provider_body(world.simulator, **changes))
    assert answer.status_code == 200, answer.text


def admin_of(world: World) -> Caller:
    """Return an administrator of the test's tenant."""
    return world.connector.as_admin(world.tenant)


def change_values(world: World, values: Mapping[str, str], user_id: str = "ann") -> None:
    """Change some of a user's values; an empty one is removed."""
    world.connector.services.users.change(Tenant(world.tenant), user_id, values)


def change_silently(world: World, values: Mapping[str, str], user_id: str = "ann") -> None:
    """Change some of a user's values without notifying the connector, as a directory does."""
    settings = world.connector.settings
    vault = Vault(read_keys(settings.encryption_keys, settings.data_dir))
    sealed = {uri: vault.seal(value, user_value(world.tenant, user_id, uri)) for uri, value in values.items()}
    with world.connector.services.database.write() as connection:
        users.set_values(connection, world.tenant, {user_id: sealed})


def assert_holds_for_current_values(world: World, caller: Caller, user_id: str = "ann") -> None:
    """Assert that every verified claim is verified for the user's current value: importing it again changes nothing."""
    before = all_claims(caller)
    change_values(world, world.connector.services.users.values(Tenant(world.tenant), user_id), user_id)
    assert all_claims(caller) == before


def all_claims(caller: Caller) -> dict[tuple[str, str], bool]:
    """Return which of the caller's claims are verified, by provider and URI."""
    answer = caller.get(CLAIMS.format("me"))
    assert answer.ok, answer.text
    return {(claim["idVProviderId"], claim["uri"]): claim["isVerified"] for claim in answer.json()}


def correct(world: World, uris: Iterable[str], *, is_verified: bool, user_id: str = "ann") -> requests.Response:
    """Correct claims as an administrator does."""
    body = [{"uri": uri, "idVProviderId": world.provider_id, "isVerified": is_verified} for uri in uris]
    return admin_of(world).put(CLAIMS.format(user_id), body)


def initiate(world: World, caller: Caller) -> tuple[int, str | None]:
    """Initiate a verification of all claims."""
    return outcome_of(caller.verify(world.provider_id, "INITIATED"))


def assert_resumed(world: World, caller: Caller, others: Collection[str] = ()) -> str:
    """Assert that another request returns a token for the only run besides `others`, and that its result counts."""
    answer = caller.verify(world.provider_id, "INITIATED")
    assert answer.status_code == 200, answer.text
    claims = answer.json()["claims"]
    assert {claim["uri"] for claim in claims} == set(MAPPING)
    assert all(claim["claimMetadata"]["sdk_token"] for claim in claims)
    run_id = run_id_of(answer)
    assert runs_at_onfido(world).difference(others) == {run_id}
    settle(world, run_id)
    assert verified(caller.claims()) == set(MAPPING)
    return run_id
