"""Webhooks as they arrive in practice: repeated, late, early, out of order, of other systems, in undocumented forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.bodies import event_body
from tests.harness import Caller, ConnectorServer, World, run_id_of, verified
from tests.races.attack import (
    ALL_CLEAR,
    OPEN_ALREADY,
    UNREACHABLE,
    add_provider,
    change_provider,
    change_values,
    correct,
    end_run,
    outcome_of,
    run_status,
    runs_at_onfido,
    settle,
)
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

FINAL = ("approved", "declined", "review", "abandoned", "error")


def post(world: World, body: bytes) -> int:
    return world.post_event(body).status_code


def other_event(kind: str, resource_type: str, **told: Any) -> bytes:
    payload = {"resource_type": resource_type, "action": kind, "object": told, "resource": told}
    return json.dumps({"payload": payload}).encode()


def test_a_repeated_event_has_no_effect(quiet: World, ann: Caller) -> None:
    body = end_run(quiet, quiet.start(ann))
    assert post(quiet, body) == 200
    assert correct(quiet, [GIVEN_NAME], is_verified=False).ok

    assert [post(quiet, body) for _ in range(3)] == [200, 200, 200]

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def test_an_equivalent_event_with_other_bytes_has_no_effect(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    settle(quiet, run_id)
    change_values(quiet, {GIVEN_NAME: "Bea"})

    again = json.dumps(json.loads(event_body(run_id, "approved", ALL_CLEAR)), indent=1).encode()
    assert post(quiet, again) == 200

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def test_an_open_status_that_arrives_late_does_not_reopen_a_run(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    settle(quiet, run_id)

    for late in ("processing", "awaiting_input", "awaiting_client_input", "paused"):
        assert post(quiet, event_body(run_id, late)) == 200

    assert run_status(ann) == {"approved"}
    assert verified(ann.claims()) == set(MAPPING)


def test_a_final_status_never_changes(quiet: World) -> None:
    for first in FINAL:
        user = quiet.add_user(first)
        run_id = quiet.start(user)
        assert post(quiet, event_body(run_id, first, ALL_CLEAR)) == 200
        before = user.claims()

        for other in FINAL:
            turned = "consider" if first == "approved" else "clear"
            assert post(quiet, event_body(run_id, other, dict.fromkeys(ALL_CLEAR, turned))) == 200

        assert user.claims() == before
        assert run_status(user) == {first}


def test_events_in_any_order_lead_to_the_same_state(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    done = event_body(run_id, "approved", ALL_CLEAR)
    for body in (
        event_body(run_id, "awaiting_client_input"),
        other_event("workflow_task.completed", "workflow_task", id="t_1", workflow_run_id=run_id, status="completed"),
        done,
        event_body(run_id, "processing"),
        other_event("workflow_task.started", "workflow_task", id="t_1", workflow_run_id=run_id, status="started"),
        done,
    ):
        assert post(quiet, body) == 200

    assert verified(ann.claims()) == set(MAPPING)


def test_an_event_before_the_commit_of_its_run_is_parked(world: World) -> None:
    ann = world.add_user()
    world.faults(runs_early=1)

    answer = ann.verify(world.provider_id, "INITIATED")

    assert answer.status_code == 200
    assert "sdk_token" not in answer.json()["claims"][0]["claimMetadata"]
    assert run_status(ann) == {"approved"}
    assert verified(ann.claims()) == set(MAPPING)


def test_an_early_event_whose_comparison_is_only_in_a_task_is_applied(world: World) -> None:
    ann = world.add_user()
    world.faults(runs_early=1, output_shape="none")

    assert ann.verify(world.provider_id, "INITIATED").status_code == 200

    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))


def test_an_early_event_is_parked_for_a_start_whose_answer_was_lost(world: World) -> None:
    ann = world.add_user()
    world.faults(runs_early=1, route="POST /workflow_runs", dropped_after=1)
    assert outcome_of(ann.verify(world.provider_id, "INITIATED")) == UNREACHABLE
    assert ann.claims() == {}

    answer = ann.verify(world.provider_id, "INITIATED")

    assert {run_id_of(answer)} == runs_at_onfido(world)
    assert verified(ann.claims()) == set(MAPPING)


def test_an_early_event_survives_a_restart(quiet: World) -> None:
    ann = quiet.add_user()
    quiet.faults(route="POST /workflow_runs", dropped_after=1)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == UNREACHABLE
    (run_id,) = runs_at_onfido(quiet)
    assert post(quiet, event_body(run_id, "declined", ALL_CLEAR | {"first_name": "consider"})) == 200

    with ConnectorServer(quiet.connector.settings, quiet.clock) as restarted:
        answer = restarted.as_user("ann", quiet.tenant).verify(quiet.provider_id, "INITIATED")

    assert run_id_of(answer) == run_id
    assert run_status(ann) == {"declined"}


def test_an_event_of_an_unknown_run_changes_nothing(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)

    assert post(quiet, event_body("0b9c8e1e-0000-4000-8000-000000000000", "approved", ALL_CLEAR)) == 200

    assert verified(ann.claims()) == set()
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)


def test_events_of_other_types_change_nothing(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    before = ann.claims()

    for kind, resource_type, told in (
        ("workflow_task.completed", "workflow_task", {"id": "t_1", "workflow_run_id": run_id, "status": "approved"}),
        ("check.completed", "check", {"id": run_id, "status": "approved"}),
        ("report.completed", "report", {"id": run_id, "status": "approved"}),
        ("watchlist_monitor.matches_updated", "watchlist_monitor", {"id": run_id}),
        ("audit_log.created", "audit_log", {}),
        ("something.new", "something", {"id": run_id, "status": "approved"}),
        ("workflow_run.completed", "workflow_run", {"id": run_id}),
    ):
        assert post(quiet, other_event(kind, resource_type, **told)) == 200

    assert ann.claims() == before


def test_an_event_ends_a_run_only_through_the_provider_that_started_it(quiet: World, ann: Caller) -> None:
    other = add_provider(quiet, "Second")
    run_id = quiet.start(ann)

    assert post(other, event_body(run_id, "approved", ALL_CLEAR)) == 200
    assert verified(ann.claims()) == set()

    assert post(quiet, event_body(run_id, "approved", ALL_CLEAR)) == 200
    assert verified(ann.claims()) == set(MAPPING)


def test_a_disabled_provider_still_accepts_results(quiet: World, ann: Caller) -> None:
    bea = quiet.add_user("bea")
    compared, to_be_asked = quiet.start(ann), quiet.start(bea)
    quiet.outcome(to_be_asked, status="approved", shape="none")
    change_provider(quiet, isEnabled=False)

    assert post(quiet, event_body(compared, "approved", ALL_CLEAR)) == 200
    assert post(quiet, event_body(to_be_asked, "approved")) == 200

    assert verified(ann.claims()) == set(MAPPING)
    quiet.wait_until(lambda: verified(bea.claims()) == set(MAPPING))


def test_an_unknown_status_is_stored_and_counts_as_open(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    quiet.outcome(run_id, status="paused_by_onfido")

    assert post(quiet, event_body(run_id, "paused_by_onfido")) == 200

    assert run_status(ann) == {"paused_by_onfido"}
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == OPEN_ALREADY
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)


def with_byte_order_mark(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


def with_huge_integer(body: bytes) -> bytes:
    return body.replace(b'"output": {', b'"output": {"score": %s, ' % (b"9" * 5000), 1)


@pytest.mark.parametrize("write", [with_byte_order_mark, with_huge_integer])
def test_an_unusually_written_event_is_applied_at_once_and_after_parking(
    quiet: World, write: Callable[[bytes], bytes]
) -> None:
    early, late = quiet.add_user("early"), quiet.add_user("late")
    quiet.faults(route="POST /workflow_runs", dropped_after=1)
    assert outcome_of(early.verify(quiet.provider_id, "INITIATED")) == UNREACHABLE
    (early_run,) = runs_at_onfido(quiet)
    late_run = quiet.start(late)

    for run_id in (early_run, late_run):
        body = write(event_body(run_id, "approved", ALL_CLEAR))
        assert body != event_body(run_id, "approved", ALL_CLEAR)
        assert post(quiet, body) == 200
    quiet.start(early)

    assert verified(early.claims()) == verified(late.claims()) == set(MAPPING)


@pytest.mark.parametrize("body", [b"{}", b'{"payload": null}'])
def test_a_signed_body_without_a_payload_is_refused_with_an_exact_message(quiet: World, body: bytes) -> None:
    refused = quiet.post_event(body)
    assert outcome_of(refused) == (400, "OIDV-60007")
    assert "it has no payload" in refused.json()["description"]
