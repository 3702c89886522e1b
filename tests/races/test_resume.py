"""A verification interrupted at each step: it is continued, and no second run is paid for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness import Caller, World, run_id_of, verified
from tests.patience import LEASE
from tests.races.attack import (
    BEING_STARTED,
    OPEN_ALREADY,
    RUN_SETTLE_TIME,
    UNREACHABLE,
    applicants_at_onfido,
    assert_resumed,
    change_values,
    delete_applicant,
    initiate,
    outcome_of,
    run_status,
    runs_at_onfido,
    sent_values,
    settle,
)
from tests.races.meanwhile import APPLICANT_LOOKED_FOR, meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

START_RUN = "POST /workflow_runs"
FIND_RUN = "GET /workflow_runs"
CREATE_APPLICANT = "POST /applicants"
CHANGE_APPLICANT = "PUT /applicants/{applicant_id}"
CREATE_TOKEN = "POST /sdk_token"
THROTTLED = (503, "OIDV-10045")
STARTED = (200, None)


def break_off(world: World, caller: Caller, route: str, switch: str = "dropped_after") -> None:
    """Initiate with a failure of one call to Onfido."""
    world.faults(route=route, **{switch: 1})
    assert initiate(world, caller) == (THROTTLED if switch == "throttled" else UNREACHABLE)


def test_a_step_without_effect_is_repeated(quiet: World) -> None:
    steps = [(CREATE_APPLICANT, "failed"), (CREATE_APPLICANT, "throttled"), (START_RUN, "throttled")]
    for route, switch in steps:
        others, applicants = runs_at_onfido(quiet), applicants_at_onfido(quiet)
        user = quiet.add_user(f"{route} {switch}")
        break_off(quiet, user, route, switch)

        assert_resumed(quiet, user, others)

        assert applicants_at_onfido(quiet) == applicants + 1


def test_a_run_started_without_an_answer_is_found_again(quiet: World) -> None:
    for switch in ("failed_after", "dropped_after"):
        others, applicants = runs_at_onfido(quiet), applicants_at_onfido(quiet)
        user = quiet.add_user(switch)
        break_off(quiet, user, START_RUN, switch)
        quiet.clock.advance(2 * RUN_SETTLE_TIME)

        assert_resumed(quiet, user, others)

        assert applicants_at_onfido(quiet) == applicants + 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 425, 429, 499, 504])
def test_a_run_whose_start_was_answered_by_a_proxy_is_found_again(quiet: World, ann: Caller, status: int) -> None:
    quiet.faults(route=START_RUN, failed_after=1, failed_status=status)
    assert ann.verify(quiet.provider_id, "INITIATED").status_code != 200
    quiet.clock.advance(2 * RUN_SETTLE_TIME)

    assert_resumed(quiet, ann)


@pytest.mark.parametrize("switch", ["failed_after", "dropped_after"])
def test_a_run_is_found_again_although_the_list_of_runs_shows_no_tags(quiet: World, ann: Caller, switch: str) -> None:
    settle(quiet, first := quiet.start(ann), "declined")
    quiet.faults(lists_untagged=-1, failed_status=504)
    break_off(quiet, ann, START_RUN, switch)
    (lost,) = runs_at_onfido(quiet) - {first}
    quiet.clock.advance(2 * RUN_SETTLE_TIME)

    assert assert_resumed(quiet, ann, {first}) == lost


def test_a_recorded_run_is_not_taken_for_one_that_was_never_started(quiet: World, ann: Caller) -> None:
    settle(quiet, first := quiet.start(ann), "declined")
    quiet.faults(lists_untagged=-1)
    break_off(quiet, ann, START_RUN, "failed")
    quiet.clock.advance(2 * RUN_SETTLE_TIME)

    assert assert_resumed(quiet, ann, {first}) != first


@pytest.mark.parametrize("status", [404, 410])
def test_the_error_page_of_a_proxy_does_not_mean_that_an_applicant_or_run_is_gone(
    quiet: World, ann: Caller, status: int
) -> None:
    settle(quiet, first := quiet.start(ann), "declined")
    quiet.faults(route=CHANGE_APPLICANT, failed=1, failed_status=status)
    assert initiate(quiet, ann) == UNREACHABLE
    second = quiet.start(ann)
    quiet.faults(route="GET /workflow_runs/{run_id}", failed=1, failed_status=status)

    assert initiate(quiet, ann) == UNREACHABLE

    assert initiate(quiet, ann) == OPEN_ALREADY
    assert runs_at_onfido(quiet) == {first, second}
    assert applicants_at_onfido(quiet) == 1


def test_a_lost_answer_to_a_new_applicant_pays_for_no_second_run(quiet: World) -> None:
    for switch in ("failed_after", "dropped_after"):
        others = runs_at_onfido(quiet)
        user = quiet.add_user(switch)
        break_off(quiet, user, CREATE_APPLICANT, switch)

        assert_resumed(quiet, user, others)


def test_an_applicant_that_could_not_be_updated_is_updated_at_the_next_request(quiet: World) -> None:
    for switch in ("failed", "throttled", "failed_after", "dropped_after"):
        user = quiet.add_user(switch)
        settle(quiet, quiet.start(user), "declined")
        others, applicants = runs_at_onfido(quiet), applicants_at_onfido(quiet)
        break_off(quiet, user, CHANGE_APPLICANT, switch)

        assert_resumed(quiet, user, others)

        assert applicants_at_onfido(quiet) == applicants


def test_an_sdk_token_that_could_not_be_created_is_requested_again(quiet: World) -> None:
    for switch in ("failed", "throttled", "failed_after", "dropped_after"):
        others = runs_at_onfido(quiet)
        user = quiet.add_user(switch)
        quiet.faults(runs_without_sdk_token=1)
        break_off(quiet, user, CREATE_TOKEN, switch)

        assert_resumed(quiet, user, others)


def test_an_unrecorded_run_is_waited_for_and_then_started_once(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, START_RUN, "failed")

    for _ in range(2):
        waiting = ann.verify(quiet.provider_id, "INITIATED")
        assert outcome_of(waiting) == UNREACHABLE
        retry_after = int(waiting.headers["Retry-After"])
        assert 0 < retry_after <= RUN_SETTLE_TIME
    assert runs_at_onfido(quiet) == set()

    quiet.clock.advance(retry_after)
    assert_resumed(quiet, ann)
    assert applicants_at_onfido(quiet) == 1


def test_a_verification_may_be_interrupted_again_while_it_is_resumed(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, CREATE_APPLICANT, "failed")
    break_off(quiet, ann, CREATE_APPLICANT, "throttled")
    break_off(quiet, ann, START_RUN, "throttled")
    quiet.faults(runs_without_sdk_token=1)
    break_off(quiet, ann, START_RUN)
    quiet.faults(route=FIND_RUN, failed=3)
    assert initiate(quiet, ann) == UNREACHABLE
    break_off(quiet, ann, CREATE_TOKEN)

    assert_resumed(quiet, ann)
    assert applicants_at_onfido(quiet) == 1


def test_an_unrecorded_run_that_has_ended_is_not_repeated(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, START_RUN)
    (run_id,) = runs_at_onfido(quiet)
    quiet.outcome(run_id, status="declined", comparisons={"first_name": "consider"})

    answer = ann.verify(quiet.provider_id, "INITIATED")

    assert run_id_of(answer) == run_id
    assert "sdk_token" not in answer.json()["claims"][0]["claimMetadata"]
    assert run_status(ann) == {"declined"}
    assert runs_at_onfido(quiet) == {run_id}


def test_claims_of_the_next_request_are_verified_if_no_run_was_started(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, CREATE_APPLICANT, "failed")

    run_id = quiet.start(ann, [GIVEN_NAME, BIRTH_DATE])

    settle(quiet, run_id)
    assert verified(ann.claims()) == {GIVEN_NAME, BIRTH_DATE}


@pytest.mark.parametrize("asked", [(BIRTH_DATE,), (GIVEN_NAME, BIRTH_DATE)], ids=["others", "one more"])
def test_a_run_for_other_claims_does_not_answer_the_request(quiet: World, ann: Caller, asked: tuple[str, ...]) -> None:
    quiet.faults(route=START_RUN, dropped_after=1)
    started = (GIVEN_NAME, LAST_NAME)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED", started)) == UNREACHABLE

    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED", asked)) == OPEN_ALREADY

    resumed = ann.verify(quiet.provider_id, "REINITIATED", started)
    assert {run_id_of(resumed)} == runs_at_onfido(quiet)


def test_a_value_changed_before_the_start_of_the_run_is_sent(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, START_RUN, "throttled")
    change_values(quiet, {GIVEN_NAME: "Bea"})

    run_id = assert_resumed(quiet, ann)

    assert sent_values(quiet, run_id) == VALUES | {GIVEN_NAME: "Bea"}


def test_a_value_changed_after_the_start_of_the_run_is_not_verified(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, START_RUN)
    change_values(quiet, {GIVEN_NAME: "Bea"})

    settle(quiet, quiet.start(ann))

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def test_an_applicant_deleted_meanwhile_is_created_again(quiet: World, ann: Caller) -> None:
    settle(quiet, first := quiet.start(ann), "declined")
    break_off(quiet, ann, START_RUN, "throttled")
    delete_applicant(quiet, first)

    assert_resumed(quiet, ann, {first})

    assert applicants_at_onfido(quiet) == 2


def test_a_leased_verification_is_not_leased_by_others(quiet: World, ann: Caller) -> None:
    quiet.faults(route=START_RUN, latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(initiate, quiet, ann)
        quiet.wait_until(lambda: START_RUN in quiet.onfido_state()["requests"])

        assert initiate(quiet, ann) == BEING_STARTED
        for status in ("COMPLETED", "REINITIATED"):
            assert outcome_of(ann.verify(quiet.provider_id, status)) == (400, "OIDV-10014")

        quiet.faults(latency_ms=0)
        assert first.result() == STARTED
    assert len(runs_at_onfido(quiet)) == 1


def test_a_slow_start_that_outlives_its_lease_is_not_repeated(quiet: World, ann: Caller) -> None:
    quiet.faults(route=START_RUN, latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(initiate, quiet, ann)
        quiet.wait_until(lambda: START_RUN in quiet.onfido_state()["requests"])
        quiet.clock.advance(LEASE + 1)

        assert initiate(quiet, ann) == UNREACHABLE

        quiet.faults(latency_ms=0)
        assert slow.result() == BEING_STARTED
    assert_resumed(quiet, ann)


def test_an_initiation_that_lost_its_lease_starts_no_run(quiet: World, ann: Caller) -> None:
    def overtake() -> None:
        quiet.clock.advance(LEASE + RUN_SETTLE_TIME)
        settle(quiet, quiet.start(ann))

    with meanwhile(APPLICANT_LOOKED_FOR, overtake):
        assert initiate(quiet, ann) == BEING_STARTED

    assert len(runs_at_onfido(quiet)) == 1
    assert run_status(ann) == {"approved"}
    assert verified(ann.claims()) == set(MAPPING)
