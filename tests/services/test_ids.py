"""Ids that are UUIDs are accepted in either case everywhere: paths, bodies, queries, events, commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import Result

from tests.between import Answer, between
from tests.bodies import event_body
from tests.harness import ADMIN_SCOPES, Caller, World, run_id_of, verified
from tests.races.attack import ALL_CLEAR
from tests.values import GIVEN_NAME, MAPPING

PROVIDERS = "/api/server/v1/idv-providers"
Write = Callable[[str], str]


def mixed(written: str) -> str:
    return "".join(letter.upper() if at % 2 else letter for at, letter in enumerate(written))


in_either_case = pytest.mark.parametrize("write", [str.upper, mixed])


@pytest.fixture
def admin(world: World) -> Caller:
    scopes = (*ADMIN_SCOPES, "internal_idv_claim_delete")
    return world.connector.caller("admin", scopes)


def same_but_for(world: World, write: Write) -> World:
    """Return the world with its provider's id in the other case."""
    written = write(world.provider_id)
    assert written != world.provider_id
    return replace(world, provider_id=written)


@in_either_case
def test_a_verification_may_name_its_provider_in_either_case(world: World, write: Write) -> None:
    ann, other = world.add_user(), same_but_for(world, write)

    started = ann.verify(other.provider_id, "INITIATED")
    again = ann.verify(other.provider_id, "REINITIATED")
    assert other.post_event(event_body(run_id_of(started), "approved", ALL_CLEAR)).status_code == 200
    completed = ann.verify(other.provider_id, "COMPLETED")

    for answer in (started, again, completed):
        assert answer.status_code == 200, answer.text
        assert answer.json()["idVProviderId"] == world.provider_id
    assert verified(ann.claims()) == set(MAPPING)
    listed = ann.get(f"/api/users/v1/me/idv/claims?idVProviderId={other.provider_id}").json()
    assert {claim["uri"] for claim in listed} == set(MAPPING)
    claim_id = write(listed[0]["id"])
    assert ann.get(f"/api/users/v1/me/idv/claims/{claim_id}").json() == listed[0]


@in_either_case
def test_an_event_may_name_its_run_in_either_case(world: World, write: Write) -> None:
    early, late = world.add_user("early"), world.add_user("late")
    world.faults(route="POST /workflow_runs", dropped_after=1)
    assert early.verify(world.provider_id, "INITIATED").status_code == 503
    (early_run,) = (run["id"] for run in world.onfido_state()["runs"])
    late_run = world.start(late)

    for run_id in (early_run, late_run):
        assert world.post_event(event_body(write(run_id), "approved", ALL_CLEAR)).status_code == 200
    assert world.start(early) == early_run

    assert verified(early.claims()) == verified(late.claims()) == set(MAPPING)


@in_either_case
def test_onfido_may_answer_with_its_ids_in_either_case(world: World, write: Write) -> None:
    def change(_method: str, _path: str, answer: Answer) -> Answer:
        body = json.loads(answer.content)
        if isinstance(body, dict) and "id" in body:
            body["id"] = write(body["id"])
        return replace(answer, content=json.dumps(body).encode())

    ann = world.add_user()
    with between(world) as onfido:
        onfido.change = change
        run_id = world.start(ann)
        world.outcome(run_id)
        assert ann.verify(world.provider_id, "COMPLETED").status_code == 200

    assert run_id == run_id.lower()
    assert verified(ann.claims()) == set(MAPPING)


@in_either_case
def test_an_administrator_may_write_ids_in_either_case(world: World, admin: Caller, write: Write) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    (verification,) = world.verifications("ann")
    provider_id = write(world.provider_id)
    provider = f"{PROVIDERS}/{provider_id}"

    assert admin.get(provider).json()["id"] == world.provider_id
    for term in (f"id eq {provider_id}", f"id sw {provider_id[:9]}", f"id ew {provider_id[-5:]}"):
        assert admin.get(PROVIDERS, params={"filter": term}).json()["totalResults"] == 1
    for known in (run_id, verification.verification_id):
        answer = admin.get(f"{provider}/verifications/{write(known)}")
        assert (answer.status_code, answer.json()["runId"]) == (200, run_id)
    assert admin.put(f"{provider}/applicants/{write(verification.applicant_id or '')}", {}).status_code == 204
    entry = {"uri": GIVEN_NAME, "idVProviderId": provider_id, "isVerified": True}
    corrected = admin.put("/api/users/v1/ann/idv/claims", [entry])
    assert (corrected.status_code, corrected.json()[0]["idVProviderId"]) == (201, world.provider_id)


@in_either_case
def test_commands_take_ids_in_either_case(world: World, run: Callable[..., Result], write: Write) -> None:
    run_id = world.start(world.add_user())
    provider_id = write(world.provider_id)

    def shown(*arguments: str) -> Any:
        result = run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert shown("provider", "show", provider_id)["id"] == world.provider_id
    assert run_id in json.dumps(shown("verification", "show", write(run_id)))
