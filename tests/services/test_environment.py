"""Results of Onfido's sandbox verify nothing once a provider's credentials are for live."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from sqlalchemy import Select, select

from connector.services.results.deliveries import CheckVerification
from connector.store.models import claims as claims_table
from connector.store.models import history
from tests.bodies import event_body
from tests.harness import Caller, World, verified
from tests.services.conftest import Run
from tests.services.environments import (
    CLEAR,
    LIVE,
    PROVIDERS,
    SANDBOX,
    SCOPES,
    applicant_of,
    code_of,
    statuses,
    use,
    verify,
    workflow_statuses,
)
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING


@pytest.fixture
def ann(world: World) -> Caller:
    use(world, SANDBOX)
    return world.add_user()


def rows(world: World, statement: Select[Any]) -> set[tuple[Any, ...]]:
    with world.connector.services.database.read() as connection:
        return {tuple(row) for row in connection.execute(statement)}


# Claims verified in the sandbox


def test_claims_verified_in_the_sandbox_count_until_the_credentials_are_live(world: World, ann: Caller) -> None:
    first = verify(world, ann)
    assert verified(ann.claims()) == set(MAPPING)

    use(world, LIVE)

    assert verified(ann.claims()) == set()
    assert set(statuses(ann).values()) == {"sandbox"}
    second = world.start(ann)
    assert applicant_of(world, first) != applicant_of(world, second)
    world.outcome(second)
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    assert [verification.environment for verification in world.verifications()] == ["live", "sandbox"]


def test_withdrawn_claims_are_in_the_history(world: World, ann: Caller) -> None:
    verify(world, ann)

    use(world, LIVE)

    statement = select(history.c.name, history.c.previous, history.c.current).where(
        history.c.cause == "environment_changed"
    )
    withdrawn = {(uri, "verified", "sandbox") for uri in MAPPING}
    world.wait_until(lambda: rows(world, statement) == withdrawn)


@pytest.mark.parametrize("token", ["api_sandbox.another", "api_sandbox_eu.another"])
def test_another_token_of_the_sandbox_withdraws_nothing(world: World, ann: Caller, token: str) -> None:
    verify(world, ann)

    use(world, token)

    assert verified(ann.claims()) == set(MAPPING)


def test_claims_verified_in_live_stay_verified_after_any_sandbox_result(world: World, ann: Caller) -> None:
    use(world, LIVE)
    verify(world, ann, comparisons={"date_of_birth": "unidentified"})
    before = ann.claims()
    assert verified(before) == {GIVEN_NAME, LAST_NAME}

    use(world, SANDBOX)
    verify(world, ann, status="approved", comparisons={"first_name": "consider"})

    after = ann.claims()
    assert verified(after) == set(MAPPING)
    assert {uri: after[uri] for uri in (GIVEN_NAME, LAST_NAME)} == {uri: before[uri] for uri in (GIVEN_NAME, LAST_NAME)}
    use(world, LIVE)
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}


def test_claims_verified_by_an_administrator_stay_verified(world: World, ann: Caller) -> None:
    verify(world, ann)
    claim_id = ann.claims()[GIVEN_NAME]["id"]
    correction = {"isVerified": True, "claimMetadata": {"source": "desk"}}
    admin = world.connector.caller("admin", SCOPES)
    assert admin.put(f"/api/users/v1/ann/idv/claims/{claim_id}", correction).status_code == 200

    use(world, LIVE)

    assert verified(ann.claims()) == {GIVEN_NAME}


def test_open_sandbox_verifications_do_not_prevent_live_ones(world: World, ann: Caller) -> None:
    use(world, SANDBOX, max_attempts="1")
    verify(world, ann, status="declined")
    assert code_of(ann.verify(world.provider_id, "INITIATED")) == (429, "OIDV-10044")

    use(world, LIVE, max_attempts="1")

    verify(world, ann, status="declined")
    assert code_of(ann.verify(world.provider_id, "INITIATED")) == (429, "OIDV-10044")


# Open runs


@pytest.fixture
def open_run(world: World, ann: Caller) -> str:
    """A run of the sandbox that is open when the credentials are replaced by live ones."""
    world.faults(webhooks_lost=-1)
    run_id = world.start(ann)
    use(world, LIVE)
    return run_id


@pytest.mark.parametrize("status", ["approved", "declined", "review"])
def test_a_sandbox_result_by_webhook_verifies_nothing_in_live(
    world: World, ann: Caller, open_run: str, status: str
) -> None:
    assert world.post_event(event_body(open_run, status, CLEAR)).status_code == 200

    assert verified(ann.claims()) == set()
    assert set(statuses(ann).values()) == {"sandbox"}
    assert workflow_statuses(ann) == {status}
    world.start(ann)


def test_a_sandbox_consider_by_webhook_unverifies_nothing_in_live(world: World, ann: Caller, open_run: str) -> None:
    admin = world.connector.caller("admin", SCOPES)
    claim_id = ann.claims()[GIVEN_NAME]["id"]
    admin.put(f"/api/users/v1/ann/idv/claims/{claim_id}", {"isVerified": True, "claimMetadata": {}})

    world.post_event(event_body(open_run, "declined", dict.fromkeys(CLEAR, "consider")))

    assert verified(ann.claims()) == {GIVEN_NAME}


def test_completed_ends_a_sandbox_run_in_live_with_the_reason(world: World, ann: Caller, open_run: str) -> None:
    answer = ann.verify(world.provider_id, "COMPLETED")

    assert answer.status_code == 200, answer.text
    assert workflow_statuses(ann) == {"error"}
    assert set(statuses(ann).values()) == {"sandbox"}
    [verification] = world.verifications()
    assert "sandbox" in (verification.failure or "")
    assert world.start(ann) != open_run


def test_reinitiated_reports_that_the_sandbox_run_has_ended(world: World, ann: Caller, open_run: str) -> None:
    assert code_of(ann.verify(world.provider_id, "REINITIATED")) == (400, "OIDV-10033")

    assert world.start(ann) != open_run


def test_initiated_replaces_the_sandbox_run_at_once(world: World, ann: Caller, open_run: str) -> None:
    assert world.start(ann) != open_run


def test_a_wait_for_a_sandbox_run_ends_at_once(world: World, ann: Caller, open_run: str) -> None:
    answer = ann.verify(world.provider_id, "COMPLETED", headers={"Prefer": "wait=20"})

    assert (answer.status_code, "Preference-Applied" in answer.headers) == (200, False)


def test_the_sweep_ends_the_sandbox_run(world: World, ann: Caller, open_run: str) -> None:
    [verification] = world.verifications()

    world.connector.services.upkeep.check_verification(CheckVerification.of(verification))

    assert [each.status for each in world.verifications()] == ["error"]
    assert set(statuses(ann).values()) == {"sandbox"}


def test_a_result_after_the_sandbox_run_was_ended_changes_nothing(world: World, ann: Caller, open_run: str) -> None:
    ann.verify(world.provider_id, "COMPLETED")

    assert world.post_event(event_body(open_run, "approved", CLEAR)).status_code == 200

    assert verified(ann.claims()) == set()


def test_an_interrupted_sandbox_verification_continues_in_live(world: World, ann: Caller) -> None:
    world.faults(route="POST /workflow_runs", failed=1)
    assert ann.verify(world.provider_id, "INITIATED").status_code == 503
    use(world, LIVE)
    world.clock.advance(60)

    world.outcome(world.start(ann))

    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    assert [verification.environment for verification in world.verifications()] == ["live"]


# Decisions on runs in review


def decide(world: World, run_id: str, decision: str) -> requests.Response:
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
    return world.connector.caller("admin", SCOPES).post(path, {"decision": decision, "reason": "seen"})


def test_a_sandbox_run_is_approved_only_while_the_credentials_are_for_the_sandbox(world: World, ann: Caller) -> None:
    run_id = verify(world, ann, status="review")
    use(world, LIVE)

    refused = decide(world, run_id, "approve")

    assert code_of(refused) == (409, "IDVP-60013")
    assert "sandbox" in refused.json()["description"]
    assert verified(ann.claims()) == set()
    use(world, SANDBOX)
    assert decide(world, run_id, "approve").status_code == 200
    assert verified(ann.claims()) == set(MAPPING)
    use(world, LIVE)
    assert verified(ann.claims()) == set()


def test_a_sandbox_run_may_be_declined_at_any_time(world: World, ann: Caller) -> None:
    run_id = verify(world, ann, status="review")
    use(world, LIVE)

    assert decide(world, run_id, "decline").status_code == 200


# At the same moment


def test_no_sandbox_result_verifies_a_claim_while_the_credentials_change(world: World, ann: Caller) -> None:
    del ann
    world.faults(webhooks_lost=-1)
    callers = [world.add_user(f"user-{number}") for number in range(6)]
    runs = [world.start(caller) for caller in callers]
    with ThreadPoolExecutor(len(runs) + 1) as pool:
        posted = [pool.submit(world.post_event, event_body(run_id, "approved", CLEAR)) for run_id in runs[:3]]
        changed = pool.submit(use, world, LIVE)
        posted += [pool.submit(world.post_event, event_body(run_id, "approved", CLEAR)) for run_id in runs[3:]]
        assert {answer.result().status_code for answer in posted} == {200}
        changed.result()

    statement = select(claims_table.c.is_verified, claims_table.c.verification_status)
    world.wait_until(lambda: rows(world, statement) == {(False, "sandbox")})


# The operator


def test_the_operator_is_notified_of_the_sandbox(world: World, ann: Caller, run: Run) -> None:
    verify(world, ann)
    shown = run("provider", "show", world.provider_id).stdout
    assert "sandbox" in shown
    assert "verifies nothing" not in shown

    loopback = {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true"}
    changed = run("provider", "update", world.provider_id, ONFIDO_API_TOKEN=LIVE, **loopback)

    assert "1 verification of Onfido's sandbox verifies nothing now" in changed.stdout
    assert "add-webhook" in changed.stderr
    assert "1 verification of Onfido's sandbox" in run("provider", "show", world.provider_id).stdout
    assert "1 verification of Onfido's sandbox" in run("provider", "test", world.provider_id, **loopback).stdout


def test_a_run_shows_its_environment(world: World, ann: Caller, run: Run) -> None:
    run_id = verify(world, ann)
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}"

    assert world.connector.caller("admin", SCOPES).get(path).json()["environment"] == "sandbox"
    assert "sandbox" in run("verification", "show", run_id).stdout
