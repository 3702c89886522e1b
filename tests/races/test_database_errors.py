"""A database that fails during an initiation: no request waits for a lease that is no longer used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from connector.services.afterwards import Afterwards
from connector.services.results.deliveries import CheckVerification
from connector.store.verifications import verification_claims
from tests.between import between
from tests.harness import Caller, World, run_id_of, verified
from tests.patience import LEASE
from tests.races.attack import (
    BEING_STARTED,
    RUN_SETTLE_TIME,
    UNREACHABLE,
    change_values,
    initiate,
    onfido_get,
    outcome_of,
    runs_at_onfido,
    settle,
)
from tests.races.outage import outage
from tests.values import GIVEN_NAME, MAPPING

RESERVE, CLAIMS_RESERVED = "INSERT INTO verifications", "INSERT INTO verification_claims"
ANNOUNCE = "UPDATE verifications SET applicant_id="
RECORD, CLAIMS_OPENED = "WITH shared_provider", "INSERT INTO claims"
STEPS = [RESERVE, CLAIMS_RESERVED, ANNOUNCE, RECORD, CLAIMS_OPENED]


def start_at_last(world: World, caller: Caller) -> str:
    """Initiate until a run is returned, without moving the leases' clock; return the run's id."""
    answers = []

    def has_started() -> bool:
        answers.append(caller.verify(world.provider_id, "INITIATED"))
        assert outcome_of(answers[-1]) in {(200, None), BEING_STARTED}
        return answers[-1].ok

    world.wait_until(has_started)
    return run_id_of(answers[-1])


def applicants_left(world: World) -> int:
    return len(onfido_get(world, "applicants")["applicants"])


@pytest.mark.parametrize("step", STEPS)
def test_lease_is_released_as_soon_as_the_database_answers_again(quiet: World, ann: Caller, step: str) -> None:
    with outage(step):
        assert initiate(quiet, ann)[0] >= 500
        assert initiate(quiet, ann)[0] >= 500

    run_id = start_at_last(quiet, ann)

    assert runs_at_onfido(quiet) == {run_id}
    quiet.wait_until(lambda: applicants_left(quiet) == 1)
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)


@pytest.mark.parametrize("step", [RESERVE, RECORD])
def test_a_lease_is_released_if_only_the_answer_to_a_commit_was_lost(quiet: World, ann: Caller, step: str) -> None:
    with outage(step, is_carried_out=True):
        assert initiate(quiet, ann)[0] >= 500

    quiet.wait_until(lambda: initiate(quiet, ann) != BEING_STARTED)

    answer = ann.verify(quiet.provider_id, "REINITIATED")
    assert answer.status_code == 200
    assert runs_at_onfido(quiet) == {run_id_of(answer)}
    assert applicants_left(quiet) == 1


def test_an_applicant_whose_recording_was_not_confirmed_is_kept(quiet: World, ann: Caller) -> None:
    with outage(ANNOUNCE, is_carried_out=True):
        assert initiate(quiet, ann)[0] >= 500

    quiet.wait_until(lambda: initiate(quiet, ann) == UNREACHABLE)
    quiet.clock.advance(RUN_SETTLE_TIME)
    run_id = start_at_last(quiet, ann)

    assert runs_at_onfido(quiet) == {run_id}
    assert applicants_left(quiet) == 1


def test_an_applicant_that_could_not_be_recorded_is_deleted_without_another_request(quiet: World, ann: Caller) -> None:
    with outage(ANNOUNCE):
        assert initiate(quiet, ann)[0] >= 500
        assert applicants_left(quiet) == 1

    quiet.wait_until(lambda: applicants_left(quiet) == 0)


@pytest.mark.parametrize("is_lost", [False, True])
def test_unrecorded_update_of_an_applicant_is_repaired_after_a_lost_lease(
    quiet: World, ann: Caller, *, is_lost: bool
) -> None:
    settle(quiet, quiet.start(ann), "declined")
    (earlier,) = quiet.verifications("ann")
    with between(quiet) as onfido, ThreadPoolExecutor(1) as pool:
        held = onfido.hold("PUT", f"/applicants/{earlier.applicant_id}")
        slow = pool.submit(initiate, quiet, ann)
        held.wait()
        if is_lost:
            quiet.clock.advance(LEASE)
            change_values(quiet, {GIVEN_NAME: "Bea"})
            quiet.start(ann)
        with outage(ANNOUNCE):
            held.may_go.set()
            assert slow.result()[0] >= 500
        if is_lost:
            quiet.wait_until(lambda: stale(quiet) == {GIVEN_NAME})
        else:
            start_at_last(quiet, ann)
            assert stale(quiet) == set()
    (verification, *_) = quiet.verifications("ann")
    settle(quiet, verification.run_id or "")
    assert verified(ann.claims()) == set(MAPPING) - ({GIVEN_NAME} if is_lost else set())


def stale(world: World) -> set[str]:
    """Return the claims of the latest verification that are marked as changed."""
    (latest, *_) = world.verifications("ann")
    with world.connector.services.database.read() as connection:
        about = verification_claims.find_all(connection, latest.verification_id)
    return {claim.uri for claim in about if claim.is_stale}


def test_the_lease_of_a_verification_that_was_taken_over_is_released(quiet: World, ann: Caller) -> None:
    quiet.faults(route="POST /workflow_runs", dropped_after=1)
    assert initiate(quiet, ann) == UNREACHABLE
    with outage("UPDATE verifications SET lease_owner=", is_carried_out=True):
        assert initiate(quiet, ann)[0] >= 500

    assert start_at_last(quiet, ann)


def test_the_sweep_releases_its_lease_too(quiet: World, ann: Caller) -> None:
    quiet.faults(route="POST /workflow_runs", dropped_after=1)
    assert initiate(quiet, ann) == UNREACHABLE
    (verification,) = quiet.verifications("ann")
    with outage(RECORD), pytest.raises(OperationalError):
        quiet.connector.services.upkeep.check_verification(CheckVerification.of(verification))

    assert start_at_last(quiet, ann)


def dropped(logs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [entry["verification_id"] for entry in logs if entry["event"] == "afterwards.dropped"]


def fail() -> None:
    raise OperationalError("", {}, Exception("the database does not answer"))


def test_pending_cleanup_is_dropped_when_the_process_ends(quiet: World) -> None:
    done, afterwards = [], Afterwards()

    def try_again() -> None:
        done.append("tried")
        fail()

    with capture_logs() as logs:
        afterwards.do("give back", try_again, verification_id="first")
        afterwards.leave("give back", fail, verification_id="second")
        quiet.wait_until(lambda: len(done) > 1)
        afterwards.close()
        afterwards.leave("give back", fail, verification_id="third")

    assert dropped(logs) == ["first", "second", "third"]


def test_pending_cleanup_is_dropped_beyond_its_limits_of_time_and_number(quiet: World) -> None:
    with capture_logs() as logs:
        impatient = Afterwards(patience=0)
        impatient.leave("give back", fail, verification_id="too long")
        quiet.wait_until(lambda: dropped(logs) == ["too long"])
        impatient.close()
        full = Afterwards(most=0)
        full.leave("give back", fail, verification_id="too much")
        full.close()
    assert dropped(logs) == ["too long", "too much"]


def test_a_defective_cleanup_does_not_prevent_the_others(quiet: World) -> None:
    done, afterwards = [], Afterwards()

    def break_down() -> None:
        raise KeyError

    afterwards.leave("break", break_down)
    afterwards.leave("go on", lambda: done.append("done"))
    quiet.wait_until(lambda: done == ["done"])
    afterwards.close()
