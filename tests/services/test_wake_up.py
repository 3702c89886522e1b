"""Wake-ups: a delivery starts at its commit, or at the next poll if a wake-up is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from sqlalchemy import Connection, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from connector.domain.frozen import frozen
from connector.relay import Relay
from connector.services.outbox import Handler, Outbox
from connector.store.deliveries import deliveries, queueing
from connector.store.deliveries import outbox as rows
from connector.store.deliveries.queueing import Candidate, ConditionalPayload, Parameter, Source, candidate_of
from connector.store.engine import Database
from connector.store.models import outbox as outbox_table
from connector.store.wake_up import QUIET, WakeUp
from tests.waiting import wait_until

HOUR = 3600.0
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@dataclass(frozen=True)
class Order:
    """A kind of delivery for these tests."""

    kind: ClassVar[str] = "order"
    number: int


@frozen
class ConditionalOrder(ConditionalPayload):
    """A delivery that is queued if `is_wanted`."""

    kind: ClassVar[str] = "conditional_order"
    is_wanted: int

    def candidate(self) -> Candidate:
        return candidate_of(self, wanted, "a-tenant", wanted=self.is_wanted)


def wanted(parameter: Parameter) -> Source:
    return Source([parameter("wanted", outbox_table.c.attempts) == 1])


class ObservedOutbox(Outbox):
    """Reports when a pass has delivered nothing: the relay's only thread then waits."""

    passes_without_delivery = 0

    def work(self, owner: str, is_stopping: Callable[[], bool] = lambda: False) -> int:
        tried = super().work(owner, is_stopping)
        self.passes_without_delivery += tried == 0
        return tried


class Worker:
    """A relay that polls once an hour, and its received deliveries."""

    def __init__(self, database: Database, poll_interval: float = HOUR) -> None:
        self.received: list[int] = []
        self._database = database
        handlers: list[Handler[Any]] = [
            Handler(Order, lambda order: self.received.append(order.number)),
            Handler(ConditionalOrder, lambda order: self.received.append(order.is_wanted)),
        ]
        self._outbox = ObservedOutbox(database, handlers)
        self.relay = Relay(database, self._outbox, {}, poll_interval=poll_interval)

    def rest(self) -> None:
        """Wait until the worker has looked for deliveries and found none."""
        passes = self._outbox.passes_without_delivery
        self._database.wake_up.set()
        wait_until(lambda: self._outbox.passes_without_delivery > passes)


@contextmanager
def working(database: Database, poll_interval: float = HOUR) -> Iterator[Worker]:
    worker = Worker(database, poll_interval)
    worker.relay.start()
    if not database.is_sqlite:
        wait_until(lambda: listeners(database))
    try:
        yield worker
    finally:
        worker.relay.stop(60)


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same database, opened as by another process: its commits do not wake the worker here directly."""
    opened = Database(make_url(database_url).update_query_dict({"application_name": "other"}).render_as_string(False))
    yield opened
    opened.close()


def add_and_fail(connection: Connection) -> None:
    rows.add(connection, Order(1))
    connection.execute(text("SELECT no_such_column"))


def listeners(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.execute(text(LISTENERS)).scalars())


def add(database: Database, number: int, **options: Any) -> None:
    with database.write() as connection:
        rows.add(connection, Order(number), **options)


def check_deliveries_at_commit(database: Database, adding: Database) -> None:
    """Check that a worker which waits for the next poll makes each added delivery before it."""
    with working(database) as worker:
        for number in range(5):
            worker.rest()
            wait_until(lambda: not adding.wake_up.is_quiet)  # otherwise the second look is relied on, if it is in time
            add(adding, number)
            wait_until(lambda number=number: worker.received[-1:] == [number])  # type: ignore[misc]


def test_a_delivery_starts_at_its_commit_and_not_at_the_next_poll(database: Database) -> None:
    check_deliveries_at_commit(database, database)


@on_postgresql
def test_a_delivery_that_another_process_adds_starts_at_its_commit(database: Database, other: Database) -> None:
    check_deliveries_at_commit(database, other)


@on_postgresql
def test_no_delivery_of_many_quick_transactions_waits_for_the_poll(database: Database, other: Database) -> None:
    with working(database) as worker:
        for number in range(200):
            add(other, number)
        wait_until(lambda: len(worker.received) == 200)
    assert sorted(worker.received) == list(range(200))


@pytest.mark.one_database
def test_a_process_that_has_just_notified_does_not_notify_again(database: Database) -> None:
    now = 0.0
    wake_up = WakeUp(lambda: now)
    assert not wake_up.is_quiet

    wake_up.set(is_notified=True)
    now += QUIET * 0.9
    assert wake_up.is_quiet

    wake_up.set()  # a silent one does not prolong it
    now += QUIET * 0.9
    assert not wake_up.is_quiet


@on_postgresql
def test_several_deliveries_of_one_transaction_and_a_retried_one_start_at_their_commit(
    database: Database, other: Database
) -> None:
    with other.write() as connection:
        rows.add(connection, Order(9))
        [dead] = rows.lease(connection, "another", [Order.kind], limit=1, seconds=HOUR)
        rows.fail(connection, dead.delivery_id, "another", [], None)
    with working(database) as worker:
        worker.rest()
        with other.write() as connection:
            rows.add_all(connection, [Order(number) for number in range(3)])
        wait_until(lambda: sorted(worker.received) == [0, 1, 2])
        worker.rest()
        with other.write() as connection:
            deliveries.retry(connection, dead.delivery_id)
        wait_until(lambda: worker.received[-1] == 9)


@on_postgresql
def test_a_delivery_of_a_transaction_that_takes_long_starts_at_its_commit(database: Database, other: Database) -> None:
    """Its process had just notified when it was added, and the workers have looked in vain since."""
    now = 0.0
    other.wake_up = WakeUp(lambda: now)
    with working(database) as worker:
        worker.rest()
        other.wake_up.set(is_notified=True)
        with other.write() as connection:
            rows.add(connection, Order(1))
            now += 2 * QUIET
        wait_until(lambda: worker.received == [1])
        with other.write() as connection:
            queueing.add_all(connection, [ConditionalOrder(1).candidate()])
            now += 2 * QUIET
        assert other.wake_up.is_quiet


@on_postgresql
@pytest.mark.parametrize("order", [Order(1), ConditionalOrder(1)])
def test_a_delivery_whose_commit_takes_long_starts_at_once(database: Database, other: Database, order: Any) -> None:
    """The workers were notified shortly before the commit began, and have looked in vain since."""
    now = 0.0
    other.wake_up = WakeUp(lambda: now)

    def take_long(_: Connection) -> None:
        nonlocal now
        now += 2 * QUIET

    event.listen(other._writer_engine, "commit", take_long, once=True)
    with working(database) as worker:
        worker.rest()
        other.wake_up.set(is_notified=True)
        with other.write() as connection:
            if isinstance(order, Order):
                rows.add(connection, order)
            else:
                queueing.add_all(connection, [order.candidate()])
        assert other.wake_up.is_quiet, "the workers are notified again"
        wait_until(lambda: worker.received[-1:] == [1])


def test_a_rolled_back_delivery_wakes_no_worker(database: Database) -> None:
    count = database.wake_up.count
    with pytest.raises(DBAPIError), database.write() as connection:
        add_and_fail(connection)
    with database.write() as connection:
        connection.execute(text("UPDATE outbox SET attempts = attempts"))
    assert database.wake_up.count == count


@pytest.mark.parametrize(("is_wanted", "wakes"), [((0, 0), False), ((0, 1), True), ((1,), True)])
def test_a_conditional_delivery_wakes_workers_only_if_it_is_queued(
    database: Database, is_wanted: tuple[int, ...], *, wakes: bool
) -> None:
    """A delivery that is not queued does not notify other processes either, so that the next one still can."""
    database.wake_up = WakeUp(lambda: 0.0)
    with database.write() as connection:
        queueing.add_all(connection, [ConditionalOrder(each).candidate() for each in is_wanted])
    assert (database.wake_up.count > 0) is wakes
    assert database.wake_up.is_quiet is wakes
    with database.read() as connection:
        queued = connection.execute(select(outbox_table.c.payload)).scalars().all()
    assert queued == [{"is_wanted": 1}] * sum(is_wanted)


def test_workers_that_miss_a_wake_up_find_the_delivery_at_the_next_poll(database: Database, database_url: str) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    row = {"id": str(uuid4()), "kind": Order.kind, "payload": {"number": 1}, "state": rows.READY, "attempts": 0}
    row |= {"history": [], "due_at": now, "created_at": now}
    with working(database, poll_interval=0.05) as worker:
        worker.rest()
        engine = create_engine(database_url)
        with engine.begin() as connection:  # as another process does on SQLite
            connection.execute(insert(outbox_table), row)
        engine.dispose()
        wait_until(lambda: worker.received == [1])


@on_postgresql
def test_a_lost_listening_connection_is_opened_again(database: Database, other: Database) -> None:
    with working(database) as worker:
        [lost] = listeners(database)
        with other.write() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
        wait_until(lambda: listeners(database) not in ([], [lost]))
        worker.rest()
        add(other, 1)
        wait_until(lambda: worker.received == [1])


def test_an_idle_relay_stops_at_once_and_leaves_no_connection(database: Database) -> None:
    with working(database) as worker:
        worker.rest()
    assert [each.name for each in threading.enumerate() if each.name.startswith("relay")] == []
    if not database.is_sqlite:
        wait_until(lambda: not listeners(database))
