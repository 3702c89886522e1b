"""Requests, look-ups and deliveries that others overtake between two of their transactions: nothing happens twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

from connector.domain.tenancy import Tenant
from connector.services.results.deliveries import CheckVerification, KeepDocument
from connector.store.models import history
from tests.bodies import event_body
from tests.harness import Caller, World
from tests.patience import LEASE
from tests.races.meanwhile import VALUES_READ, meanwhile
from tests.services.ageing import let_pass
from tests.services.receiving import rows_of, use_studio, wait_for, wait_for_failure
from tests.values import GIVEN_NAME

CREATE_APPLICANT, READ_TASKS = "POST /applicants", "GET /workflow_runs/{run_id}/tasks"
BREAK_OFF_TIME = 11 * 60  # seconds, a little more
# The searched statements.
OPEN_ATTEMPT = "verifications.user_id = "
LATEST_OF_CLAIMS = "claims.verification_id = verifications.id"
ONE_VERIFICATION = "verifications.id = "
ATTEMPT_OF_APPLICANT = "verifications.applicant_id = "


@pytest.fixture
def ann(world: World) -> Caller:
    return world.add_user()


def initiate(world: World, caller: Caller) -> tuple[int, str]:
    answer = caller.verify(world.provider_id, "INITIATED")
    return answer.status_code, answer.json().get("description", "")


def break_off(world: World, caller: Caller, *, times: int = 1) -> None:
    """Fail an initiation before it has an applicant, and a number of later attempts."""
    world.faults(route=CREATE_APPLICANT, failed=times)
    assert initiate(world, caller)[0] == 503


def fail_to_read_document(world: World, ann: Caller) -> int:
    """End a run whose document Onfido does not return, and stop the deliveries; return the number of attempts."""
    use_studio(world, documentValues=True)
    run_id = world.start(ann)
    world.faults(route=READ_TASKS, failed=-1)
    world.outcome(run_id)
    wait_for_failure(world, KeepDocument.kind)
    world.connector.rest()
    [row] = rows_of(world, KeepDocument.kind)
    return len(row.history)


def runs_at_onfido(world: World) -> list[str]:
    return [run["id"] for run in world.onfido_state()["runs"]]


def verification_id_of(world: World) -> str:
    [verification] = world.verifications()
    return verification.verification_id


def ends_of(world: World, verification_id: str) -> list[Any]:
    """Return the history's entries of a verification's end."""
    about = (history.c.verification_id == verification_id, history.c.current == "error")
    with world.connector.services.database.read() as connection:
        return list(connection.execute(select(history).where(*about)))


# Requests


def test_a_request_repeatedly_overtaken_by_others_has_to_wait_for_their_answer(world: World, ann: Caller) -> None:
    break_off(world, ann, times=-1)

    with meanwhile(OPEN_ATTEMPT, lambda: initiate(world, ann), every=True):
        status, description = initiate(world, ann)

    assert (status, "by another request" in description) == (400, True)
    world.faults(failed=0)
    assert world.start(ann) in runs_at_onfido(world)
    assert len(runs_at_onfido(world)) == 1


def test_a_request_whose_lease_expired_while_reading_values_leaves_the_run_to_another(
    world: World, ann: Caller
) -> None:
    runs = []

    def overtake() -> None:
        world.clock.advance(LEASE + 1)
        runs.append(world.start(ann))

    with meanwhile(VALUES_READ, overtake):
        status, description = initiate(world, ann)

    assert (status, "by another request" in description) == (400, True)
    assert runs_at_onfido(world) == runs


def test_a_missing_run_is_ended_once_by_two_requests(world: World, ann: Caller) -> None:
    gone = world.start(ann)
    verification_id = verification_id_of(world)
    requests.post(f"{world.simulator.url}/simulator/reset", timeout=60).raise_for_status()

    with meanwhile(OPEN_ATTEMPT, lambda: world.start(ann)):
        status, description = initiate(world, ann)

    [run_id] = runs_at_onfido(world)
    assert (status, run_id in description, run_id == gone) == (400, True, False)
    assert len(ends_of(world, verification_id)) == 1


def test_the_applicant_of_a_user_removed_meanwhile_is_not_updated(world: World, ann: Caller) -> None:
    world.start(ann)
    [verification] = world.verifications()
    path = f"/api/server/v1/idv-providers/{world.provider_id}/applicants/{verification.applicant_id}"

    with meanwhile(ATTEMPT_OF_APPLICANT, lambda: world.connector.services.users.remove(Tenant(world.tenant), "ann")):
        answer = world.connector.as_admin().put(path, None)

    assert (answer.status_code, answer.json()["code"]) == (404, "IDV-10001")
    assert "PUT /applicants/{applicant_id}" not in world.onfido_state()["requests"]


def test_a_correction_of_a_user_removed_meanwhile_gets_an_error(world: World, ann: Caller) -> None:
    world.start(ann)
    claim_id = ann.claims()[GIVEN_NAME]["id"]
    admin = world.connector.as_admin()

    with meanwhile(VALUES_READ, lambda: world.connector.services.users.remove(Tenant(world.tenant), "ann")):
        answer = admin.put(f"/api/users/v1/ann/idv/claims/{claim_id}", {"isVerified": True, "claimMetadata": {}})

    assert (answer.status_code, answer.json()["code"]) == (404, "IDV-10000")


@pytest.mark.one_database
def test_a_run_that_ends_before_its_turn_to_resume_is_not_resumed(world: World, ann: Caller) -> None:
    run_id = world.start(ann)

    with meanwhile(LATEST_OF_CLAIMS, lambda: world.post_event(event_body(run_id, "abandoned"))):
        answer = ann.verify(world.provider_id, "REINITIATED")

    assert (answer.status_code, answer.json()["code"]) == (400, "OIDV-10033")
    assert "abandoned" in answer.json()["description"]


@pytest.mark.one_database
def test_a_turn_to_resume_is_returned_only_if_onfido_did_not_answer(world: World, ann: Caller) -> None:
    world.clock.stop()
    world.start(ann)
    world.faults(route="GET /workflow_runs/{run_id}", failed=-1)
    assert ann.verify(world.provider_id, "REINITIATED").status_code == 503
    world.faults(route="GET /workflow_runs/{run_id}", failed=0, unauthorized=1)

    refused, later = (ann.verify(world.provider_id, "REINITIATED") for _ in range(2))

    assert (refused.status_code, later.status_code) == (400, 429)


# Workers


def test_the_worker_skips_a_verification_that_a_request_holds(world: World, ann: Caller) -> None:
    break_off(world, ann)
    world.clock.advance(BREAK_OFF_TIME)
    before = world.onfido_state()["requests"][CREATE_APPLICANT]
    world.faults(route=CREATE_APPLICANT, latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        resuming = pool.submit(world.start, ann)
        world.wait_until(lambda: world.onfido_state()["requests"][CREATE_APPLICANT] > before)

        world.sweep()

        assert wait_for(world, CheckVerification.kind, "done").history == []
        assert not resuming.done()
        world.faults(latency_ms=0)
    assert runs_at_onfido(world) == [resuming.result()]


def test_a_worker_overtaken_by_a_request_leaves_the_verification_to_it(world: World, ann: Caller) -> None:
    break_off(world, ann)
    world.clock.advance(BREAK_OFF_TIME)
    check = CheckVerification.of(world.verifications()[0])

    with meanwhile(ONE_VERIFICATION, lambda: world.start(ann)):
        world.connector.services.upkeep.check_verification(check)

    [verification] = world.verifications()
    assert (verification.closed_at, runs_at_onfido(world)) == (None, [verification.run_id])


def test_the_document_of_a_user_removed_meanwhile_is_not_fetched(world: World, ann: Caller) -> None:
    fail_to_read_document(world, ann)
    before = world.onfido_state()["requests"]

    world.connector.services.users.remove(Tenant(world.tenant), "ann")
    let_pass(world.connector.services.database, timedelta(hours=1))
    world.connector.deliver()

    wait_for(world, KeepDocument.kind, "done")
    assert world.onfido_state()["requests"].get(READ_TASKS) == before[READ_TASKS]


def test_the_document_of_a_missing_run_is_given_up(world: World, ann: Caller) -> None:
    attempts = fail_to_read_document(world, ann)

    requests.post(f"{world.simulator.url}/simulator/reset", timeout=60).raise_for_status()
    let_pass(world.connector.services.database, timedelta(hours=1))
    world.connector.deliver()

    assert len(wait_for(world, KeepDocument.kind, "done").history) == attempts


def test_a_run_that_a_request_found_missing_is_not_ended_again_by_the_worker(world: World, ann: Caller) -> None:
    world.start(ann)
    verification_id, check = verification_id_of(world), CheckVerification.of(world.verifications()[0])
    requests.post(f"{world.simulator.url}/simulator/reset", timeout=60).raise_for_status()

    with meanwhile(ONE_VERIFICATION, lambda: ann.verify(world.provider_id, "COMPLETED")):
        world.connector.services.upkeep.check_verification(check)

    assert len(ends_of(world, verification_id)) == 1
