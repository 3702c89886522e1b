"""A run's comparisons in outputs of any shape, and runs without comparisons."""

from __future__ import annotations

from bisect import bisect

from tests.bodies import event_body
from tests.harness import Caller, World, verified
from tests.races.attack import (
    ALL_CLEAR,
    ALL_VERIFIED,
    PROVIDERS,
    UNREACHABLE,
    admin_of,
    end_run,
    outcome_of,
    run_status,
    runs_at_onfido,
    verdicts,
    wait_for_status,
)
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

TASKS = "GET /workflow_runs/{run_id}/tasks"


def post(world: World, body: bytes) -> int:
    return world.post_event(body).status_code


def test_a_comparison_is_found_at_any_place_of_the_output(world: World) -> None:
    comparisons = {"first_name": "clear", "last_name": "consider", "date_of_birth": "unidentified"}
    users = {shape: world.add_user(shape) for shape in ("report", "flat", "document_report", "none")}

    for shape, user in users.items():
        world.outcome(world.start(user), status="approved", comparisons=comparisons, shape=shape)

    for user in users.values():
        wait_for_status(world, user, "approved")
        assert verified(user.claims()) == {GIVEN_NAME}
        assert verdicts(user) == {GIVEN_NAME: "clear", LAST_NAME: "consider", BIRTH_DATE: "unidentified"}


def test_the_reason_of_a_run_that_was_not_approved_is_also_read_from_its_task(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status="declined", comparisons={"first_name": "consider"}, shape="none")

    assert post(quiet, event_body(run_id, "declined")) == 200

    wait_for_status(quiet, ann, "declined")
    assert verdicts(ann) == {GIVEN_NAME: "consider", LAST_NAME: "clear", BIRTH_DATE: "clear"}


def test_unreadable_tasks_are_fetched_again_by_completed(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status="approved", shape="none")
    quiet.faults(route=TASKS, failed=3)
    assert outcome_of(ann.verify(quiet.provider_id, "COMPLETED")) == UNREACHABLE
    assert verified(ann.claims()) == set()
    assert run_status(ann) == {"awaiting_input"}

    assert ann.verify(quiet.provider_id, "COMPLETED").status_code == 200

    assert verified(ann.claims()) == set(MAPPING)
    assert run_status(ann) == {"approved"}


def test_unreadable_tasks_are_fetched_again_by_initiated(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status="approved", shape="none")
    quiet.faults(route=TASKS, failed=3)
    assert post(quiet, event_body(run_id, "approved")) == 200
    quiet.wait_until(lambda: quiet.onfido_state()["requests"].get(TASKS, 0) >= 3)

    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == ALL_VERIFIED

    assert verified(ann.claims()) == set(MAPPING)
    assert runs_at_onfido(quiet) == {run_id}


def test_a_run_approved_without_comparisons_verifies_nothing(quiet: World) -> None:
    outputs: tuple[object, ...] = (None, {}, [], "approved", 7, True, [[{"data_comparison": "clear"}]])
    for number, output in enumerate(outputs):
        user = quiet.add_user(str(number))
        run_id = quiet.start(user)
        quiet.outcome(run_id, status="approved", comparisons=None, output=output)

        assert post(quiet, event_body(run_id, "approved", output=output)) == 200

    for number in range(len(outputs)):
        user = quiet.connector.as_user(str(number), quiet.tenant)
        wait_for_status(quiet, user, "approved")
        assert verified(user.claims()) == set()
        assert set(verdicts(user).values()) == {"not_compared"}


def test_comparison_deep_inside_the_output_is_found(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    output: object = {"data_comparison": {key: {"result": "clear"} for key in ALL_CLEAR}}
    for level in range(40):
        output = [output] if level % 2 else {"inside": output}
    end_run(quiet, run_id)

    assert post(quiet, event_body(run_id, "approved", output=output)) == 200

    assert verified(ann.claims()) == set(MAPPING)


def test_an_output_of_any_depth_causes_no_server_error(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    end_run(quiet, run_id)
    whole = event_body(run_id, "approved", output="DEEP")

    for depth in (20_000, 500):
        assert post(quiet, whole.replace(b'"DEEP"', b"[" * depth + b"]" * depth)) in (200, 400)

    assert ann.verify(quiet.provider_id, "COMPLETED").status_code == 200
    assert verified(ann.claims()) == set(MAPPING)


def test_a_run_with_the_deepest_readable_output_is_applied_and_shown(quiet: World) -> None:
    """The limit depends on the parser: JSON that was read once may be too deep to be written, or read again."""
    depths = range(2000)
    deepest = bisect(depths, 200, key=lambda depth: post(quiet, deep_event("of others", depth))) - 1
    for depth in range(deepest - 24, deepest + 1, 3):
        user = quiet.add_user(str(depth))
        run_id = quiet.start(user)

        assert post(quiet, deep_event(run_id, depth)) == 200

        assert (run_status(user), verified(user.claims())) == ({"approved"}, set(MAPPING))
        shown = admin_of(quiet).get(f"{PROVIDERS}/{quiet.provider_id}/verifications/{run_id}")
        assert (shown.status_code, shown.json().get("status")) == (200, "approved"), depth


def deep_event(run_id: str, depth: int) -> bytes:
    """Return the event of an approved run whose output contains values nested to this depth."""
    comparison = {"data_comparison": {key: {"result": "clear"} for key in ALL_CLEAR}}
    body = event_body(run_id, output=comparison | {"deep": "DEEP"})
    return body.replace(b'"DEEP"', b"[" * depth + b"]" * depth)
