"""Repeated verifications: when they are allowed, claims that stay verified, and lost webhooks."""

from __future__ import annotations

from tests.harness import Caller, World, run_id_of, verified
from tests.races.attack import (
    ALL_VERIFIED,
    OPEN_ALREADY,
    UNREACHABLE,
    applicants_at_onfido,
    change_values,
    delete_applicant,
    end_run,
    forget_everything,
    outcome_of,
    run_status,
    runs_at_onfido,
    sent_values,
    settle,
    verdicts,
)
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

NOT_AWAITING = (400, "OIDV-10033")
NOTHING_STARTED = (400, "OIDV-10014")


def sdk_token(answer_claims: list[dict[str, dict[str, str]]]) -> str:
    (token,) = {claim["claimMetadata"]["sdk_token"] for claim in answer_claims}
    return token


def test_a_user_may_try_again_at_once_and_keeps_the_applicant(quiet: World) -> None:
    for ended in ("declined", "abandoned", "error", "review"):
        user = quiet.add_user(ended)
        first = quiet.start(user)
        settle(quiet, first, ended)

        second = quiet.start(user)

        assert second != first
        assert run_status(user) == {"awaiting_input"}
        settle(quiet, second)
        assert verified(user.claims()) == set(MAPPING)
    calls = quiet.onfido_state()["requests"]
    assert calls["POST /applicants"] == calls["PUT /applicants/{applicant_id}"] == 4
    assert calls["POST /workflow_runs"] == 8


def test_an_approved_run_that_left_a_claim_unverified_may_be_repeated(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), last_name="consider")

    settle(quiet, quiet.start(ann))

    assert verified(ann.claims()) == set(MAPPING)


def test_verified_claims_stay_while_a_new_attempt_is_open(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), date_of_birth="unidentified")

    second = quiet.start(ann)

    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    for status in ("processing", "awaiting_client_input", "awaiting_input"):
        quiet.outcome(second, status=status)
        assert ann.verify(quiet.provider_id, "COMPLETED").status_code == 200
        assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}


def test_an_attempt_without_a_result_leaves_verified_claims_alone(quiet: World) -> None:
    for ended in ("abandoned", "error"):
        user = quiet.add_user(ended)
        settle(quiet, quiet.start(user), date_of_birth="unidentified")

        second = quiet.start(user)
        quiet.outcome(second, status=ended, comparisons=None)
        assert user.verify(quiet.provider_id, "COMPLETED").status_code == 200

        assert verified(user.claims()) == {GIVEN_NAME, LAST_NAME}


def test_a_later_consider_unverifies_only_its_claim(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), date_of_birth="unidentified")

    settle(quiet, quiet.start(ann), "declined", first_name="consider", last_name="unidentified")

    assert verified(ann.claims()) == {LAST_NAME}
    assert verdicts(ann)[GIVEN_NAME] == "consider"


def test_a_clear_comparison_of_a_run_that_is_not_approved_verifies_nothing(quiet: World) -> None:
    for ended in ("declined", "review", "abandoned", "error"):
        user = quiet.add_user(ended)
        settle(quiet, quiet.start(user), ended)

        assert verified(user.claims()) == set()
        assert run_status(user) == {ended}


def test_no_run_is_started_if_everything_is_already_verified(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    settle(quiet, run_id)

    for claims in (tuple(MAPPING), (GIVEN_NAME,), (LAST_NAME, BIRTH_DATE)):
        assert outcome_of(ann.verify(quiet.provider_id, "INITIATED", claims)) == ALL_VERIFIED

    assert runs_at_onfido(quiet) == {run_id}
    assert run_status(ann) == {"approved"}


def test_changed_value_may_be_verified_again(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann))
    change_values(quiet, {GIVEN_NAME: "Bea"})

    second = quiet.start(ann)

    assert sent_values(quiet, second) == VALUES | {GIVEN_NAME: "Bea"}
    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}
    settle(quiet, second)
    assert verified(ann.claims()) == set(MAPPING)


def test_an_open_run_is_not_started_twice(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)

    for claims in (tuple(MAPPING), (BIRTH_DATE,)):
        refused = ann.verify(quiet.provider_id, "INITIATED", claims)
        assert outcome_of(refused) == OPEN_ALREADY
        assert run_id in refused.json()["description"]

    assert runs_at_onfido(quiet) == {run_id}


def test_a_lost_webhook_does_not_prevent_the_next_attempt(quiet: World, ann: Caller) -> None:
    first = quiet.start(ann)
    end_run(quiet, first, "declined", {"first_name": "consider"})

    second = quiet.start(ann)

    statuses = {run.run_id: run.status for run in quiet.verifications()}
    assert statuses == {first: "declined", second: "awaiting_input"}


def test_result_of_an_approved_run_is_fetched_after_a_lost_webhook(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    end_run(quiet, run_id)

    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == ALL_VERIFIED

    assert verified(ann.claims()) == set(MAPPING)
    assert runs_at_onfido(quiet) == {run_id}


def test_a_run_is_not_given_up_while_onfido_is_unavailable(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.faults(route="GET /workflow_runs/{run_id}", failed=-1)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == UNREACHABLE

    quiet.faults(failed=0)
    settle(quiet, run_id)

    assert verified(ann.claims()) == set(MAPPING)
    assert runs_at_onfido(quiet) == {run_id}


def test_an_applicant_deleted_at_onfido_is_created_again(quiet: World, ann: Caller) -> None:
    first = quiet.start(ann)
    settle(quiet, first, "declined")
    delete_applicant(quiet, first)

    second = quiet.start(ann)

    assert applicants_at_onfido(quiet) == 2
    assert sent_values(quiet, second) == VALUES
    settle(quiet, second, "declined")
    quiet.start(ann)
    assert applicants_at_onfido(quiet) == 2


def test_a_run_missing_at_onfido_does_not_lock_the_user_out(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), date_of_birth="unidentified")
    gone = quiet.start(ann)
    forget_everything(quiet)
    answer = ann.verify(quiet.provider_id, "COMPLETED")
    assert answer.status_code == 200
    statuses = {claim["uri"]: claim["claimMetadata"]["onfido_workflow_status"] for claim in answer.json()["claims"]}
    assert statuses[BIRTH_DATE] == "error"

    quiet.clock.advance(2)
    third = quiet.start(ann)

    assert third != gone
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    settle(quiet, third)
    assert verified(ann.claims()) == set(MAPPING)


def test_resuming_returns_a_new_token_for_the_same_run(quiet: World, ann: Caller) -> None:
    quiet.faults(runs_without_sdk_token=1)
    run_id = quiet.start(ann)

    tokens = set()
    for _ in range(2):
        quiet.clock.advance(2)
        answer = ann.verify(quiet.provider_id, "REINITIATED")
        assert answer.status_code == 200
        assert run_id_of(answer) == run_id
        tokens.add(sdk_token(answer.json()["claims"]))

    assert len(tokens) == 2
    assert runs_at_onfido(quiet) == {run_id}


def test_resuming_returns_onfidos_status(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status="processing")
    assert ann.verify(quiet.provider_id, "COMPLETED").status_code == 200
    quiet.outcome(run_id, status="awaiting_input")

    answer = ann.verify(quiet.provider_id, "REINITIATED")

    assert {claim["claimMetadata"]["onfido_workflow_status"] for claim in answer.json()["claims"]} == {"awaiting_input"}


def test_resuming_a_run_that_awaits_no_input_is_refused_with_its_status(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    for status in ("processing", "awaiting_client_input", "paused", "declined"):
        quiet.outcome(run_id, status=status)

        quiet.clock.advance(2)
        refused = ann.verify(quiet.provider_id, "REINITIATED")

        assert outcome_of(refused) == NOT_AWAITING
        assert status in refused.json()["description"]
    assert run_status(ann) == {"declined"}
    assert outcome_of(ann.verify(quiet.provider_id, "REINITIATED")) == NOT_AWAITING


def test_a_verification_cannot_be_completed_or_resumed_before_its_start(quiet: World, ann: Caller) -> None:
    for status in ("COMPLETED", "REINITIATED"):
        assert outcome_of(ann.verify(quiet.provider_id, status)) == NOTHING_STARTED
    quiet.start(ann, [GIVEN_NAME])
    for status in ("COMPLETED", "REINITIATED"):
        assert outcome_of(ann.verify(quiet.provider_id, status, [GIVEN_NAME, BIRTH_DATE])) == NOTHING_STARTED
