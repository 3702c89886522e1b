"""Deliveries: each row is leased by one worker at a time, retried with growing delays, and dead in the end."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import select, update

from connector.cli.output import actor
from connector.errors import Code, OnfidoError, RequestError
from connector.relay import Relay
from connector.services.batches import BATCH, forget
from connector.services.outbox import (
    FIRST_RETRY,
    LEASE,
    LONGEST_RETRY,
    MAX_ATTEMPTS,
    Handler,
    Outbox,
    Undeliverable,
    new_owner,
    retry_delay,
)
from connector.settings import Settings
from connector.store.deliveries import outbox as rows
from connector.store.deliveries.outbox import DEAD, DONE, READY, OutboxRow
from connector.store.engine import Database
from connector.store.models import history
from connector.store.models import outbox as outbox_table
from tests.listening import statements
from tests.services.ageing import let_pass
from tests.waiting import wait_until

ALL = (READY, DONE, DEAD)
KEPT = timedelta(days=30)
LEASE_OVER = timedelta(seconds=LEASE)
# Without the last the next attempt would be due after a second, which a busy machine may need for the rest of a pass.
NOT_TODAY = OnfidoError(Code.ONFIDO_THROTTLES, "not today", status=429, retry_after=1800)
Run = Callable[..., Result]


@dataclass(frozen=True)
class Notice:
    """A kind of delivery for these tests."""

    kind: ClassVar[str] = "notice"
    number: int


@dataclass(frozen=True)
class Another(Notice):
    """A kind of delivery without a handler."""

    kind: ClassVar[str] = "another"


@dataclass(frozen=True)
class Tick:
    """A periodic delivery."""

    kind: ClassVar[str] = "tick"


@dataclass
class Receiver:
    """The receiver of the notices; it fails with `failure` while that is set."""

    failure: Exception | None = None
    received: list[int] = field(default_factory=list)

    def __call__(self, notice: Notice) -> None:
        if self.failure:
            raise self.failure
        self.received.append(notice.number)


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    return own_settings


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def outbox(database: Database, receiver: Receiver) -> Outbox:
    """An outbox that delivers notices, one at a time."""
    return Outbox(database, [Handler(Notice, receiver)])


@pytest.fixture
def given_up(database: Database, outbox: Outbox, receiver: Receiver) -> Outbox:
    """The outbox, with one delivery that cannot be made."""
    receiver.failure = Undeliverable("nobody is there")
    put(database)
    outbox.work(new_owner())
    return outbox


def put(database: Database, number: int = 1, notice: type[Notice] = Notice) -> None:
    with database.write() as connection:
        rows.add_all(connection, [notice(each) for each in range(number)])


def only(outbox: Outbox) -> OutboxRow:
    [row] = outbox.page(ALL, 10)
    return row


def test_a_delivery_may_write_to_the_database(database: Database) -> None:
    def pass_on(notice: Notice) -> None:
        with database.write() as connection:
            rows.add(connection, Another(notice.number))

    outbox = Outbox(database, [Handler(Notice, pass_on)])
    put(database)

    assert outbox.work(new_owner()) == 1

    assert [(row.kind, row.state) for row in outbox.page((READY,), 10)] == [("another", READY)]


def test_a_failed_delivery_is_retried_later_and_every_attempt_recorded(
    database: Database, outbox: Outbox, receiver: Receiver
) -> None:
    receiver.failure = NOT_TODAY
    put(database)
    for _ in range(3):
        assert outbox.work(new_owner()) == 1
        assert outbox.work(new_owner()) == 0, "it is not due yet"
        let_pass(database, timedelta(hours=1))
    receiver.failure = None

    assert outbox.work(new_owner()) == 1

    row = only(outbox)
    assert (row.state, row.attempts, receiver.received) == (DONE, 4, [0])
    assert [attempt["number"] for attempt in row.history] == [1, 2, 3]
    assert {attempt["reason"] for attempt in row.history} == {f"OnfidoError: {NOT_TODAY.summary}"}
    assert all(datetime.fromisoformat(attempt["at"]).tzinfo for attempt in row.history)


def test_a_delivery_that_fails_too_often_is_dead_with_its_attempts(
    database: Database, outbox: Outbox, receiver: Receiver
) -> None:
    receiver.failure = RequestError(Code.CLAIM_INVALID, "never")
    put(database)
    for _ in range(MAX_ATTEMPTS):
        assert only(outbox).state == READY
        assert outbox.work(new_owner()) == 1
        let_pass(database, timedelta(seconds=LONGEST_RETRY))

    assert outbox.work(new_owner()) == 0
    row = only(outbox)
    assert (row.state, row.attempts, len(row.history)) == (DEAD, MAX_ATTEMPTS, MAX_ATTEMPTS)


def test_deliveries_are_counted_by_kind_and_outcome(database: Database, outbox: Outbox, receiver: Receiver) -> None:
    def counted() -> dict[str, float]:
        name, kind = "connector_delivery_seconds_count", Notice.kind
        results = ("delivered", "failed", "dead")
        return {each: REGISTRY.get_sample_value(name, {"kind": kind, "result": each}) or 0.0 for each in results}

    before = counted()
    for failure in (None, RequestError(Code.CLAIM_INVALID, "now"), Undeliverable("never")):
        receiver.failure = failure
        put(database)
        assert outbox.work(new_owner()) == 1
    assert {name: number - before[name] for name, number in counted().items()} == dict.fromkeys(before, 1.0)


def test_a_permanently_failed_delivery_is_dead_at_once(database: Database, outbox: Outbox, receiver: Receiver) -> None:
    receiver.failure = Undeliverable("there is nobody any more")
    put(database)
    outbox.work(new_owner())
    row = only(outbox)
    assert (row.state, row.attempts) == (DEAD, 1)
    assert row.history[0]["reason"] == "Undeliverable: there is nobody any more"


def test_a_delivery_that_keeps_killing_its_worker_is_dead(
    database: Database, outbox: Outbox, receiver: Receiver
) -> None:
    put(database)
    for _ in range(MAX_ATTEMPTS):
        with database.write() as connection:
            assert rows.lease(connection, new_owner(), [Notice.kind], limit=1, seconds=LEASE)
        let_pass(database, LEASE_OVER)

    outbox.work(new_owner())

    assert (only(outbox).state, receiver.received) == (DEAD, []), "a thirteenth worker would have been killed as well"


def test_only_the_type_of_an_unexpected_error_is_stored(database: Database, outbox: Outbox, receiver: Receiver) -> None:
    receiver.failure = ValueError("Ann Example, born 1990-01-01")
    put(database)
    outbox.work(new_owner())
    assert only(outbox).history[0]["reason"] == "ValueError"


def test_onfidos_retry_after_is_respected(database: Database, outbox: Outbox, receiver: Receiver) -> None:
    receiver.failure = OnfidoError(Code.ONFIDO_THROTTLES, "slow down", status=429, retry_after=100)
    put(database)
    outbox.work(new_owner())
    let_pass(database, timedelta(seconds=40))
    assert outbox.work(new_owner()) == 0
    let_pass(database, timedelta(seconds=60))
    assert outbox.work(new_owner()) == 1


@given(attempts=st.integers(1, 1000), asked=st.none() | st.integers(0, 10_000))
def test_retries_are_delayed_more_each_time_with_jitter_and_never_before_retry_after(
    attempts: int, asked: int | None
) -> None:
    longest = min(LONGEST_RETRY, FIRST_RETRY * 2 ** (attempts - 1))
    error = OnfidoError(Code.ONFIDO_THROTTLES, "slow down", retry_after=asked)
    assert max(longest / 2, asked or 0) <= retry_delay(attempts, error) <= max(longest, asked or 0)
    assert longest / 2 <= retry_delay(attempts) <= longest


def test_retries_of_many_rows_are_spread() -> None:
    assert len({round(retry_delay(5), 3) for _ in range(100)}) > 50


def test_a_worker_that_lost_its_lease_during_a_delivery_records_nothing(database: Database) -> None:
    entered, left = threading.Event(), threading.Event()

    def slow(_notice: Notice) -> None:
        entered.set()
        assert left.wait(60)

    put(database)
    outbox = Outbox(database, [Handler(Notice, slow)])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(outbox.work, new_owner())
        assert entered.wait(60)
        let_pass(database, LEASE_OVER)
        with database.write() as connection:
            [taken_over] = rows.lease(connection, "second", [Notice.kind], limit=1, seconds=LEASE)
        left.set()
        assert first.result() == 1

    assert (only(outbox).state, taken_over.attempts) == (READY, 2)
    with database.write() as connection:
        assert rows.finish_all(connection, [taken_over.delivery_id], "second").rowcount == 1
    assert only(outbox).state == DONE


def test_a_worker_that_lost_its_lease_marks_no_row_as_dead(database: Database) -> None:
    def lose_and_fail(_payload: Mapping[str, Any]) -> None:
        let_pass(database, LEASE_OVER)
        with database.write() as connection:
            assert rows.lease(connection, "second", [Notice.kind], limit=1, seconds=LEASE)
        raise Undeliverable("says who has lost it")

    outbox = Outbox(database, [Handler(Notice, lose_and_fail)])
    put(database)
    outbox.work(new_owner())
    assert (only(outbox).state, only(outbox).history) == (READY, [])


def test_a_leased_row_that_was_not_started_is_released_with_its_attempt(database: Database, receiver: Receiver) -> None:
    outbox = Outbox(database, [Handler(Notice, receiver, batch=5)])
    put(database, 5)

    tried = outbox.work("first", lambda: len(receiver.received) == 2)

    assert tried == 2
    assert Counter((row.state, row.attempts) for row in outbox.page(ALL, 10)) == {(DONE, 1): 2, (READY, 0): 3}
    assert outbox.work("second") == 3, "they are due at once"
    assert sorted(receiver.received) == [0, 1, 2, 3, 4]


class Killed(BaseException):
    """Ends a delivery as a killed process does: nothing handles the exception."""


def test_rows_of_local_work_are_leased_together_and_finished_in_one_statement(
    database: Database, receiver: Receiver
) -> None:
    outbox = Outbox(database, [Handler(Notice, receiver, batch=20)])
    put(database, 45)
    with statements() as executed:
        assert outbox.work(new_owner()) == 20
    assert sum("UPDATE outbox" in each for each in executed) == 3, "a lease, a finish, and a look for single rows"
    assert [outbox.work(new_owner()) for _ in range(3)] == [20, 5, 0]
    assert sorted(receiver.received) == list(range(45))
    assert Counter((row.state, row.attempts) for row in outbox.page(ALL, 50)) == {(DONE, 1): 45}


def test_a_failure_in_a_batch_is_recorded_and_the_other_rows_delivered(database: Database) -> None:
    received = []

    def deliver(notice: Notice) -> None:
        if notice.number == 2:
            raise NOT_TODAY
        received.append(notice.number)

    outbox = Outbox(database, [Handler(Notice, deliver, batch=5)])
    put(database, 5)

    assert outbox.work(new_owner()) == 5
    assert sorted(received) == [0, 1, 3, 4]
    [failed] = outbox.page((READY,), 10)
    assert (failed.payload["number"], failed.attempts, len(failed.history)) == (2, 1, 1)


def test_a_row_that_kills_its_worker_fails_no_other_row_of_its_batch(database: Database) -> None:
    received = []

    def deliver(notice: Notice) -> None:
        if notice.number == 0:
            raise Killed
        received.append(notice.number)

    put(database, 5)
    outbox = Outbox(database, [Handler(Notice, deliver, batch=5)])
    for _ in range(MAX_ATTEMPTS + 10):
        with suppress(Killed):
            outbox.work(new_owner())
        let_pass(database, LEASE_OVER)

    assert {row.payload["number"]: row.state for row in outbox.page(ALL, 10)} == {0: DEAD} | dict.fromkeys(
        (1, 2, 3, 4), DONE
    )
    assert set(received) == {1, 2, 3, 4}, "those before it in its batch come again"


def test_a_worker_that_lost_the_leases_of_a_batch_finishes_none_of_it(database: Database) -> None:
    leased: list[rows.Delivery] = []

    def lose(_notice: Notice) -> None:
        if not leased:
            let_pass(database, LEASE_OVER)
            with database.write() as connection:
                leased.extend(rows.lease(connection, "second", [Notice.kind], limit=2, seconds=LEASE))

    outbox = Outbox(database, [Handler(Notice, lose, batch=3)])
    put(database, 3)
    outbox.work(new_owner())
    assert Counter(row.state for row in outbox.page(ALL, 10)) == {READY: 2, DONE: 1}
    with database.write() as connection:
        assert rows.finish_all(connection, [each.delivery_id for each in leased], "second").rowcount == 2


def test_a_stopped_relay_finishes_its_delivery_and_releases_the_other_rows(database: Database) -> None:
    begun, received = threading.Event(), []

    def slow(notice: Notice) -> None:
        begun.set()
        time.sleep(0.2)
        received.append(notice.number)

    outbox = Outbox(database, [Handler(Notice, slow, batch=300)])
    put(database, 300)  # a minute's work
    relay = Relay(database, outbox, {}, poll_interval=0.01)
    relay.start()
    assert begun.wait(60)
    relay.stop(60)

    assert 0 < len(received) < 300
    states = Counter((row.state, row.attempts) for row in outbox.page(ALL, 500))
    assert states == {(DONE, 1): len(received), (READY, 0): 300 - len(received)}


def test_periodic_work_is_queued_once_for_all_processes(database: Database, receiver: Receiver) -> None:
    ticks: list[Tick] = []
    outbox = Outbox(database, [Handler(Tick, ticks.append)])
    relays = [Relay(database, outbox, {Tick(): 86_400.0}, threads=3, poll_interval=0.01) for _ in range(3)]
    for relay in relays:
        relay.start()
    wait_until(lambda: ticks)
    time.sleep(0.3)
    for relay in relays:
        relay.stop(60)
    assert len(ticks) in {1, 2}, "two where midnight has just passed"
    assert len(outbox.page(ALL, 10)) == len(ticks)


def forget_done(database: Database) -> None:
    """Delete old deliveries, as the sweep does."""
    forget(database, lambda connection, size: rows.forget_done(connection, KEPT, size))


def test_completed_deliveries_are_deleted_after_retention(
    database: Database, outbox: Outbox, receiver: Receiver
) -> None:
    put(database, 2)
    outbox.work(new_owner())
    receiver.failure = Undeliverable("dead")
    outbox.work(new_owner())
    put(database)
    forget_done(database)
    assert Counter(row.state for row in outbox.page(ALL, 10)) == {DONE: 1, DEAD: 1, READY: 1}

    let_pass(database, KEPT)
    forget_done(database)

    assert Counter(row.state for row in outbox.page(ALL, 10)) == {DEAD: 1, READY: 1}


def test_any_number_of_old_deliveries_is_deleted(database: Database, outbox: Outbox) -> None:
    put(database, BATCH + 1)
    with database.write() as connection:
        connection.execute(update(outbox_table).values(state=DONE, settled_at=datetime.now(UTC) - 2 * KEPT))

    forget_done(database)

    assert outbox.counts() == {}


def test_concurrent_workers_deliver_every_row_once(database: Database) -> None:
    received: list[int] = []
    outbox = Outbox(database, [Handler(Notice, lambda notice: received.append(notice.number), batch=3)])
    put(database, 300)
    start = threading.Barrier(6)

    def work(owner: str) -> None:
        start.wait()
        while outbox.work(owner):
            pass

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, new_owner()) for _ in range(6)]:
            done.result()

    assert sorted(received) == list(range(300))
    assert outbox.counts() == {DONE: 300}


def test_an_operator_sees_dead_deliveries_with_their_reason(database: Database, given_up: Outbox, run: Run) -> None:
    put(database, notice=Another)

    listed = json.loads(run("outbox", "list", "--json").stdout)["deliveries"]
    dead = json.loads(run("outbox", "list", "--dead", "--json").stdout)["deliveries"]

    assert {row["state"] for row in listed} == {READY, DEAD}
    assert [(row["kind"], row["lastFailure"]) for row in dead] == [(Notice.kind, "Undeliverable: nobody is there")]
    assert dead[0]["history"][0]["number"] == 1
    times = {dead[0]["dueAt"], dead[0]["history"][0]["at"]}
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", time) for time in times), times
    assert "nobody is there" in run("outbox", "list").stdout
    first = json.loads(run("outbox", "list", "--limit", "1", "--json").stdout)
    rest = json.loads(run("outbox", "list", "--cursor", first["nextCursor"], "--json").stdout)
    assert first["deliveries"] + rest["deliveries"] == listed
    assert rest["nextCursor"] is None


def told(database: Database) -> list[tuple[Any, ...]]:
    """Return the history's entries of operators' actions."""
    columns = (history.c.subject, history.c.name, history.c.current, history.c.detail, history.c.actor)
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def test_an_operator_can_retry_a_dead_row_with_all_its_attempts(
    database: Database, given_up: Outbox, receiver: Receiver, run: Run
) -> None:
    outbox = given_up
    receiver.failure = RequestError(Code.CLAIM_INVALID, "not yet")

    assert run("outbox", "retry", only(outbox).delivery_id).exit_code == 0

    assert (only(outbox).state, only(outbox).attempts) == (READY, 0)
    assert told(database) == [("outbox", only(outbox).delivery_id, "retried", {"kind": Notice.kind}, actor())]
    assert outbox.work(new_owner()) == 1
    row = only(outbox)
    assert (row.state, row.attempts) == (READY, 1)
    assert [attempt["reason"] for attempt in row.history] == ["Undeliverable: nobody is there", "RequestError: not yet"]


def test_an_operator_can_drop_a_dead_row(database: Database, outbox: Outbox, run: Run) -> None:
    put(database)
    delivery_id = only(outbox).delivery_id
    assert run("outbox", "drop", delivery_id, "--yes").exit_code == 0
    assert outbox.page(ALL, 10) == []
    assert told(database) == [("outbox", delivery_id, "dropped", {"kind": Notice.kind}, actor())]
    for command in (("drop", "--yes"), ("retry",)):
        refused = run("outbox", *command, delivery_id)
        assert refused.exit_code == 1
        assert delivery_id in refused.stderr
    assert "empty" in run("outbox", "list").stdout
