"""Events of a run whose user is removed, before and after the removal: none is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.studio.workflow_run import TAG_PREFIX
from connector.domain.tenancy import Tenant
from connector.store.models import events
from connector.store.providers.events import NOTED, PARKED
from tests.between import Answer, between
from tests.bodies import event_body
from tests.harness import Caller, World, verified
from tests.patience import LEASE
from tests.races.attack import (
    ALL_CLEAR,
    PROVIDERS,
    RUN_SETTLE_TIME,
    UNREACHABLE,
    add_provider,
    admin_of,
    end_run,
    initiate,
    runs_at_onfido,
    settle,
    together,
)
from tests.values import MAPPING

START_RUN = "POST /workflow_runs"
ELSEWHERE = "0b9c8e1e-0000-4000-8000-00000000000"  # and a digit


def start_without_answer(world: World, caller: Caller, user_id: str = "ann") -> tuple[str, str]:
    """Start a run whose answer is lost; return its id and its tag."""
    others = runs_at_onfido(world)
    world.faults(route=START_RUN, dropped_after=1)
    assert initiate(world, caller) == UNREACHABLE
    (run_id,) = runs_at_onfido(world) - others
    return run_id, tag_of(world, user_id)


def tag_of(world: World, user_id: str = "ann") -> str:
    return TAG_PREFIX + world.verifications(user_id)[0].verification_id


def post(world: World, run_id: str, *tags: object, status: str = "approved") -> None:
    """Post an event of a run with these tags, or without any."""
    told: dict[str, Any] = {"tags": list(tags)} if tags else {}
    assert world.post_event(event_body(run_id, status, ALL_CLEAR, **told)).status_code == 200


def remove(world: World, user_id: str = "ann") -> None:
    world.connector.services.users.remove(Tenant(world.tenant), user_id)


def kept(world: World, run_id: str) -> set[tuple[str, bool]]:
    """Return the state of each event of a run, and whether its body is stored."""
    statement = select(events.c.state, events.c.body).where(events.c.run_id == run_id)
    with world.connector.services.database.read() as connection:
        return {(row.state, row.body is not None) for row in connection.execute(statement)}


def empty_lists(method: str, path: str, answer: Answer) -> Answer:
    return replace(answer, content=b"[]") if (method, path) == ("GET", "/workflow_runs") else answer


@pytest.mark.parametrize("is_upper", [False, True])
def test_the_event_of_a_run_that_was_never_recorded_is_deleted_with_the_user(
    quiet: World, ann: Caller, *, is_upper: bool
) -> None:
    run_id, tag = start_without_answer(quiet, ann)
    post(quiet, run_id, "of mine", TAG_PREFIX + tag.removeprefix(TAG_PREFIX).upper() if is_upper else tag)
    post(quiet, run_id, status="review")
    post(quiet, f"{ELSEWHERE}1")
    assert kept(quiet, run_id) == {(PARKED, True)}

    remove(quiet)

    assert kept(quiet, run_id) == {(NOTED, False)}
    assert kept(quiet, f"{ELSEWHERE}1") == {(PARKED, True)}, "it is another's"


def test_an_event_after_the_removal_of_its_user_is_not_kept(quiet: World, ann: Caller) -> None:
    unknown, tag = start_without_answer(quiet, ann)
    remove(quiet)
    post(quiet, unknown, tag)
    post(quiet, unknown, tag, status="review")

    known, known_tag = quiet.start(quiet.add_user("bea")), tag_of(quiet, "bea")
    remove(quiet, "bea")
    post(quiet, known, known_tag)
    post(quiet, known, status="review")  # the history knows it

    assert kept(quiet, unknown) == kept(quiet, known) == {(NOTED, False)}


def test_an_event_at_another_provider_of_the_account_is_not_kept(quiet: World, ann: Caller) -> None:
    other, run_id = add_provider(quiet, "Second"), quiet.start(ann)
    post(other, run_id, tag_of(quiet))
    assert kept(quiet, run_id) == {(NOTED, False)}

    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)


def test_an_event_without_a_meaning_for_the_connector_is_not_kept(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    told = {"id": "document_check_1", "workflow_run_id": run_id, "output": {"first_name": "Ann"}}
    payload = {"resource_type": "workflow_task", "action": "workflow_task.completed", "resource": told}
    assert quiet.post_event(json.dumps({"payload": payload}).encode()).status_code == 200
    assert kept(quiet, run_id) == {(NOTED, False)}


@pytest.mark.parametrize(
    "tag", [TAG_PREFIX, TAG_PREFIX + "x" * 100, TAG_PREFIX + "é", 7, None, {}], ids=lambda tag: str(tag)[:20]
)
def test_tag_that_names_no_verification_is_ignored(quiet: World, tag: object) -> None:
    run_id = f"{ELSEWHERE}2"
    post(quiet, run_id, tag, status="review" if tag is None else "approved")
    assert kept(quiet, run_id) == {(PARKED, True)}
    with quiet.connector.services.database.write() as connection:
        connection.execute(events.delete().where(events.c.run_id == run_id))


def test_an_event_and_the_removal_of_its_user_leave_nothing_in_either_order(quiet: World) -> None:
    for number in range(6):
        user_id = f"user-{number}"
        run_id, tag = start_without_answer(quiet, quiet.add_user(user_id), user_id)

        together([partial(post, quiet, run_id, tag), partial(remove, quiet, user_id)])

        assert kept(quiet, run_id) == {(NOTED, False)}


def test_second_run_of_a_verification_is_detected_by_its_event(quiet: World, ann: Caller) -> None:
    """The process that started it was killed before the answer arrived."""
    lost, tag = start_without_answer(quiet, ann)
    quiet.clock.advance(LEASE + RUN_SETTLE_TIME)
    with between(quiet) as onfido:
        onfido.change = empty_lists
        own = quiet.start(ann)
    assert runs_at_onfido(quiet) == {lost, own}

    for status in ("awaiting_client_input", "abandoned"):
        post(quiet, lost, tag, status=status)

    path = f"{PROVIDERS}/{quiet.provider_id}/verifications/{own}/history"
    told = [(each["name"], each["to"], each["cause"]) for each in admin_of(quiet).get(path).json()]
    assert told.count((lost, "orphaned", "webhook")) == 1
    assert kept(quiet, lost) == {(NOTED, False)}
    assert quiet.post_event(end_run(quiet, own)).status_code == 200
    assert verified(ann.claims()) == set(MAPPING)
