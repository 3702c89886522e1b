"""Concurrent requests and events: one run is paid for, and every result is applied once."""

from __future__ import annotations

from functools import partial

from tests.bodies import event_body
from tests.harness import World, run_id_of, verified
from tests.patience import LEASE
from tests.races.attack import (
    ALL_CLEAR,
    RUN_SETTLE_TIME,
    UNREACHABLE,
    add_provider,
    applicants_at_onfido,
    assert_one_started,
    end_run,
    onfido_get,
    outcome_of,
    outcomes_of,
    run_status,
    runs_at_onfido,
    sent_values,
    settle,
    together,
    verdicts,
)
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

MANY = 100
STARTED = (200, None)


def test_only_one_of_a_hundred_concurrent_initiations_gets_the_run(world: World) -> None:
    ann = world.add_user()

    answers = together([partial(ann.verify, world.provider_id, "INITIATED")] * MANY)

    assert_one_started(answers)
    (started,) = (answer for answer in answers if answer.ok)
    assert runs_at_onfido(world) == {run_id_of(started)}
    assert applicants_at_onfido(world) == 1


def test_only_one_of_many_initiations_with_different_claims_gets_the_run(world: World) -> None:
    ann = world.add_user()
    claims = [(GIVEN_NAME,), (LAST_NAME, BIRTH_DATE), tuple(MAPPING)] * 5

    answers = together([partial(ann.verify, world.provider_id, "INITIATED", uris) for uris in claims])

    assert_one_started(answers)
    (run_id,) = runs_at_onfido(world)
    ((uris, started),) = ((uris, answer) for uris, answer in zip(claims, answers, strict=True) if answer.ok)
    settle(world, run_id)
    assert run_id_of(started) == run_id
    assert verified(ann.claims()) == set(uris)


def test_two_providers_start_a_run_each(world: World) -> None:
    ann, other = world.add_user(), add_provider(world, "Second")

    answers = together(
        [partial(ann.verify, provider_id, "INITIATED") for provider_id in (world.provider_id, other.provider_id)] * 10
    )

    assert_one_started(answers[::2])
    assert_one_started(answers[1::2])
    assert len(runs_at_onfido(world)) == applicants_at_onfido(world) == 2


def test_verifications_of_different_users_are_independent(world: World) -> None:
    users = [world.add_user(f"user-{number}") for number in range(20)]

    answers = together([partial(user.verify, world.provider_id, "INITIATED") for user in users])

    assert outcomes_of(answers) == {STARTED: 20}
    assert runs_at_onfido(world) == {run_id_of(answer) for answer in answers}


def test_only_one_of_many_repeated_initiations_gets_the_run(quiet: World) -> None:
    ann = quiet.add_user()
    end_run(quiet, quiet.start(ann), "declined")

    answers = together([partial(ann.verify, quiet.provider_id, "INITIATED")] * 15)

    assert_one_started(answers)
    assert len(runs_at_onfido(quiet)) == 2
    assert applicants_at_onfido(quiet) == 1


def test_only_one_of_many_concurrent_resumptions_gets_the_run(quiet: World) -> None:
    ann = quiet.add_user()
    quiet.faults(route="POST /workflow_runs", dropped_after=1)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == UNREACHABLE

    answers = together([partial(ann.verify, quiet.provider_id, "INITIATED")] * 15)

    assert_one_started(answers)
    assert len(runs_at_onfido(quiet)) == applicants_at_onfido(quiet) == 1


def test_only_one_of_many_concurrent_resumptions_starts_a_missing_run(quiet: World) -> None:
    ann = quiet.add_user()
    quiet.faults(route="POST /workflow_runs", failed=1)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == UNREACHABLE
    quiet.clock.advance(LEASE + RUN_SETTLE_TIME)

    answers = together([partial(ann.verify, quiet.provider_id, "INITIATED")] * 15)

    assert_one_started(answers)
    assert len(runs_at_onfido(quiet)) == applicants_at_onfido(quiet) == 1


def test_the_same_event_posted_twenty_times_concurrently_is_stored_once(quiet: World) -> None:
    ann = quiet.add_user()
    body = end_run(quiet, quiet.start(ann), "approved", {"first_name": "clear", "last_name": "consider"})

    answers = together([partial(quiet.post_event, body)] * 20)

    assert {answer.status_code for answer in answers} == {200}
    assert verdicts(ann) == {GIVEN_NAME: "clear", LAST_NAME: "consider", BIRTH_DATE: "not_compared"}


def test_only_one_of_several_contradictory_events_is_applied_and_completely(quiet: World) -> None:
    ann = quiet.add_user()
    run_id = quiet.start(ann)
    statuses = ("approved", "declined", "review", "abandoned", "error")
    results = ("clear", "consider", "unidentified", None)
    bodies = [event_body(run_id, status, dict.fromkeys(ALL_CLEAR, result)) for status in statuses for result in results]

    answers = together([partial(quiet.post_event, body) for body in bodies])

    assert {answer.status_code for answer in answers} == {200}
    ((status,), (verdict,)) = run_status(ann), set(verdicts(ann).values())
    is_verified = status == "approved" and verdict == "clear"
    assert verified(ann.claims()) == (set(MAPPING) if is_verified else set())


def test_a_result_from_any_source_is_applied_once(quiet: World) -> None:
    for number in range(4):
        user = quiet.add_user(f"user-{number}")
        body = end_run(quiet, quiet.start(user), "approved", ALL_CLEAR | {"last_name": "consider"})
        complete = partial(user.verify, quiet.provider_id, "COMPLETED", headers={"Prefer": "wait=5"})

        answers = together([partial(quiet.post_event, body), complete] * 4)

        assert {answer.status_code for answer in answers} == {200}
        assert verified(user.claims()) == {GIVEN_NAME, BIRTH_DATE}


def test_a_concurrent_result_and_next_verification_are_both_kept(quiet: World) -> None:
    for number in range(4):
        user = quiet.add_user(f"user-{number}")
        first = quiet.start(user)
        body = end_run(quiet, first, "declined")

        initiate = partial(user.verify, quiet.provider_id, "INITIATED")
        event, *starts = together([partial(quiet.post_event, body), initiate, initiate, initiate])

        assert event.status_code == 200
        assert_one_started(starts)
        verifications = quiet.verifications(f"user-{number}")
        assert sorted(verification.status for verification in verifications) == ["awaiting_input", "declined"]


def test_concurrently_resumed_sessions_belong_to_the_same_run(quiet: World) -> None:
    quiet.clock.stop()  # within the same two seconds, however long the requests take
    ann = quiet.add_user()
    run_id = quiet.start(ann)

    answers = together([partial(ann.verify, quiet.provider_id, "REINITIATED")] * 10)

    assert outcomes_of(answers) == {STARTED: 1, (429, "HTTP-429"): 9}
    assert {run_id_of(answer) for answer in answers if answer.ok} == {run_id} == runs_at_onfido(quiet)
    assert onfido_get(quiet, f"workflow_runs/{run_id}")["status"] == "awaiting_input"
    assert sent_values(quiet, run_id) == VALUES
