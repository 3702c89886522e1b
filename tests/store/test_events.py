"""Statements on events: each body once for each provider, encrypted, and kept only as long as needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from connector.domain.ids import new_id
from connector.domain.verifications.verification import VerificationClaim
from connector.store.engine import Database
from connector.store.models import events as events_table
from connector.store.providers import events
from connector.store.verifications import verifications
from connector.store.verifications.fences import Lease

Add = Callable[..., str | None]


@pytest.fixture
def add(database: Database, provider_id: str, now: datetime) -> Add:
    """Insert an event and return its id, None if it existed: `add("digest", run_id="run-1")`."""

    def add(
        digest: str,
        *,
        provider_id: str = provider_id,
        run_id: str | None = "run-1",
        verification_id: str | None = None,
        at: datetime = now,
        state: str = events.APPLIED,
    ) -> str | None:
        event = {
            "id": new_id(),
            "provider_id": provider_id,
            "digest": digest,
            "kind": "workflow_run.completed",
            "run_id": run_id,
            "verification_id": verification_id,
            "state": state,
            "body": f"sealed {digest}",
            "received_at": at,
        }
        with database.write() as connection:
            return str(event["id"]) if events.add(connection, event).rowcount else None

    return add


def stored(database: Database) -> dict[str, tuple[str, str | None]]:
    """Return state and body of every event, by digest."""
    with database.read() as connection:
        rows = connection.execute(select(events_table.c.digest, events_table.c.state, events_table.c.body))
        return {row.digest: (row.state, row.body) for row in rows}


def test_the_same_body_is_stored_once_per_provider(add: Add, add_provider: Callable[..., str]) -> None:
    assert add("digest")
    assert add("digest") is None
    assert add("digest", provider_id=add_provider(name="another"))


def test_parked_events_of_a_run_are_found_in_order_until_resolved(
    database: Database, add: Add, provider_id: str, now: datetime
) -> None:
    second = add("b", at=now + timedelta(seconds=1)) or ""
    first = add("a") or ""
    add("c")
    with database.write() as connection:
        events.park(connection, second)
        events.park(connection, first)
    with database.read() as connection:
        waiting = events.find_parked(connection, provider_id, "run-1")
        assert [(event.event_id, event.body) for event in waiting] == [(first, "sealed a"), (second, "sealed b")]
        assert events.find_parked(connection, provider_id, "run-2") == []
    with database.write() as connection:
        events.settle(connection, provider_id, "run-1")
        assert events.find_parked(connection, provider_id, "run-1") == []


@pytest.fixture
def run_1(database: Database, provider_id: str, now: datetime) -> None:
    """A verification that has the run `run-1`."""
    verification = {
        "id": "verification-1",
        "tenant": "acme",
        "provider_id": provider_id,
        "user_id": "ann",
        "status": "processing",
    }
    with database.write() as connection:
        row = verification | {"run_id": "run-1", "created_at": now, "updated_at": now}
        about = [VerificationClaim("givenname", "first_name")]
        verifications.reserve(connection, row, about, (), Lease("first", now))


@pytest.mark.usefixtures("run_1")
def test_parked_events_of_a_known_run_can_be_matched(database: Database, add: Add, provider_id: str) -> None:
    add("known", state=events.PARKED)
    add("known too", state=events.PARKED)
    add("unknown", run_id="run-2", state=events.PARKED)
    with database.read() as connection:
        assert events.find_matchable(connection) == [(provider_id, "run-1")]


def test_an_event_is_resolved_once_by_concurrent_processes(database: Database, add: Add) -> None:
    waiting, noted = add("waiting", state=events.PARKED) or "", add("noted", state=events.NOTED) or ""
    with database.write() as connection:
        assert events.resolve(connection, waiting, events.NOTED)
        assert [events.resolve(connection, waiting, events.APPLIED) for _ in range(2)] == [True, False]
        assert not events.resolve(connection, waiting, events.NOTED)
        assert events.resolve(connection, noted, events.APPLIED)
        assert not events.resolve(connection, "unknown", events.APPLIED)
    assert {state for state, _ in stored(database).values()} == {events.APPLIED}


def test_only_one_of_several_concurrent_resolutions_of_an_event_succeeds(
    database: Database, database_url: str, add: Add, race: Callable[..., list[str]]
) -> None:
    event_id = add("waiting", state=events.PARKED) or ""
    resolve = "with database.write() as connection:\n    print(events.resolve(connection, sys.argv[2], 'applied'))"
    printed = race(
        "from connector.store.providers import events\nfrom connector.store.engine import Database\n"
        "database = Database(sys.argv[1])",
        f"{resolve}\ndatabase.close()",
        database_url,
        event_id,
    )
    assert sorted(printed) == ["False", "False", "True"]


def test_old_bodies_are_deleted_and_unmatched_events_noted(database: Database, add: Add, now: datetime) -> None:
    add("applied")
    add("parked", state=events.PARKED)
    add("young", at=now + timedelta(days=1), state=events.PARKED)
    with database.write() as connection:
        events.forget_bodies(connection, now + timedelta(hours=1), 10)
    assert stored(database) == {
        "applied": (events.APPLIED, None),
        "parked": (events.NOTED, None),
        "young": (events.PARKED, "sealed young"),
    }


def test_the_bodies_of_some_runs_can_be_deleted_alone(database: Database, add: Add, provider_id: str) -> None:
    add("mine", state=events.PARKED)
    add("another's", run_id="run-2")
    with database.write() as connection:
        events.forget_runs(connection, provider_id, ["run-1"])
    assert stored(database) == {"mine": (events.NOTED, None), "another's": (events.APPLIED, "sealed another's")}


@pytest.mark.usefixtures("run_1")
def test_events_of_unknown_runs_are_parked_for_a_shorter_time_than_others(
    database: Database, add: Add, now: datetime
) -> None:
    waiting = {"known": "run-1", "unknown": "run-2", "monitor": None, "young": "run-2"}
    for digest, run_id in waiting.items():
        add(digest, run_id=run_id, state=events.PARKED, at=now + timedelta(hours=2 * (digest == "young")))
    add("applied", run_id="run-2")
    with database.write() as connection:
        events.forget_unknown(connection, now + timedelta(hours=1), 10)
    assert stored(database) == {
        "known": (events.PARKED, "sealed known"),
        "unknown": (events.NOTED, None),
        "monitor": (events.PARKED, "sealed monitor"),
        "young": (events.PARKED, "sealed young"),
        "applied": (events.APPLIED, "sealed applied"),
    }


@pytest.mark.usefixtures("run_1")
def test_the_oldest_of_too_many_events_of_unknown_runs_are_given_up(
    database: Database, add_provider: Callable[..., str], provider_id: str, now: datetime
) -> None:
    def row(number: int, run_id: str, verification_id: str | None = None, owner: str = provider_id) -> dict[str, Any]:
        return {
            "id": new_id(),
            "provider_id": owner,
            "digest": f"{run_id} {number}",
            "kind": "workflow_run.completed",
            "run_id": run_id,
            "verification_id": verification_id,
            "state": events.PARKED,
            "body": "sealed",
            "received_at": now + timedelta(seconds=number),
        }

    other = add_provider(name="other")
    few = [row(0, "run-1"), row(0, "tagged", "verification-2"), row(0, "another's", owner=other)]
    with database.write() as connection:
        connection.execute(insert(events_table), [row(number, "unknown") for number in range(events.MOST_PARKED)])
        events.make_room(connection, provider_id)
    assert all(state == (events.PARKED, "sealed") for state in stored(database).values())
    with database.write() as connection:
        connection.execute(insert(events_table), few)
        events.make_room(connection, provider_id)
    gone = {digest for digest, state in stored(database).items() if state == (events.NOTED, None)}
    assert gone == {f"unknown {number}" for number in range(events.MAKE_ROOM_FOR)}
