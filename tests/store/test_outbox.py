"""Statements on the outbox: no row is leased by two workers, or settled by a worker that lost its lease."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import ClassVar

from connector.store.deliveries import deliveries, delivery_counts, outbox
from connector.store.deliveries.outbox import DEAD, DONE, READY, Delivery, OutboxRow
from connector.store.engine import Database
from tests.listening import statements
from tests.services.ageing import let_pass

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Status:
    """A kind of delivery for these tests."""

    kind: ClassVar[str] = "status"
    number: int


@dataclass(frozen=True)
class Another(Status):
    """A kind that no test leases."""

    kind: ClassVar[str] = "another"


def put(database: Database, number: int = 1) -> None:
    with database.write() as connection:
        for each in range(number):
            outbox.add(connection, Status(each))


def lease(database: Database, owner: str, *, limit: int = 10, seconds: float = 30) -> list[Delivery]:
    with database.write() as connection:
        return list(outbox.lease(connection, owner, [Status.kind], limit=limit, seconds=seconds))


def finish(database: Database, delivery: Delivery, owner: str) -> bool:
    with database.write() as connection:
        return outbox.finish_all(connection, [delivery.delivery_id], owner).rowcount == 1


def fail(database: Database, delivery: Delivery, owner: str, retry_in: float | None) -> bool:
    with database.write() as connection:
        return outbox.fail(connection, delivery.delivery_id, owner, [{"why": "refused"}], retry_in)


def rows(database: Database) -> list[OutboxRow]:
    with database.read() as connection:
        return outbox.find_page(connection, [READY, DONE, DEAD], 100)


def test_concurrent_workers_lease_different_rows_and_all_of_them(database: Database) -> None:
    put(database, 40)
    barrier = Barrier(4)

    def work(owner: str) -> list[str]:
        barrier.wait()
        return [delivery.delivery_id for _ in range(4) for delivery in lease(database, owner, limit=3)]

    with ThreadPoolExecutor(4) as pool:
        taken = [delivery_id for mine in pool.map(work, "abcd") for delivery_id in mine]

    assert len(taken) == len(set(taken)) == 40


def test_rows_are_locked_once_before_they_are_leased(database: Database) -> None:
    """PostgreSQL may evaluate `IN (SELECT … LIMIT n)` twice, with other rows; a test cannot choose its plan."""
    put(database)
    with statements("UPDATE outbox") as sent:
        lease(database, "first")

    [taken] = sent
    assert taken.startswith("WITH picked AS")
    assert ("FOR UPDATE SKIP LOCKED" in taken) == (not database.is_sqlite)


def test_a_leased_row_is_not_leased_by_others_until_its_lease_expires(database: Database) -> None:
    put(database)
    [mine] = lease(database, "first")
    assert lease(database, "second") == []
    let_pass(database, MINUTE)
    [again] = lease(database, "second")
    assert (again.delivery_id, mine.attempts, again.attempts) == (mine.delivery_id, 1, 2)


def test_a_worker_that_lost_its_lease_records_nothing(database: Database) -> None:
    put(database)
    [mine] = lease(database, "first", seconds=0)
    lease(database, "second")
    assert not finish(database, mine, "first")
    assert not fail(database, mine, "first", None)
    assert finish(database, mine, "second")
    assert not finish(database, mine, "second")
    assert [row.state for row in rows(database)] == [DONE]


def test_a_failed_row_is_due_again_later_with_its_history(database: Database) -> None:
    put(database)
    [mine] = lease(database, "first")
    assert fail(database, mine, "first", retry_in=MINUTE.total_seconds())
    assert lease(database, "first") == []
    let_pass(database, MINUTE)
    [again] = lease(database, "first")
    assert (again.attempts, again.history) == (2, [{"why": "refused"}])


def test_a_dead_row_waits_for_an_operator(database: Database) -> None:
    put(database)
    [mine] = lease(database, "first")
    assert fail(database, mine, "first", retry_in=None)
    assert lease(database, "first") == []
    assert [row.state for row in rows(database)] == [DEAD]
    with database.write() as connection:
        assert deliveries.retry(connection, mine.delivery_id)
    [again] = lease(database, "first")
    assert again.attempts == 1


def test_a_row_retried_by_an_operator_during_its_last_delivery_is_tried_again(database: Database) -> None:
    put(database)
    [mine] = lease(database, "first")
    with database.write() as connection:
        assert deliveries.retry(connection, mine.delivery_id)
    assert not fail(database, mine, "first", retry_in=None)
    let_pass(database, MINUTE)
    [again] = lease(database, "second")
    assert again.attempts == 1


def test_a_completed_row_can_neither_be_retried_nor_dropped(database: Database) -> None:
    put(database, 2)
    [first, second] = lease(database, "first")
    assert finish(database, first, "first")
    with database.write() as connection:
        assert not deliveries.retry(connection, first.delivery_id)
        assert not deliveries.drop(connection, first.delivery_id)
        assert deliveries.drop(connection, second.delivery_id)
        assert not deliveries.drop(connection, second.delivery_id)


def test_a_released_row_does_not_count_as_attempted(database: Database) -> None:
    put(database, 2)
    lease(database, "first", limit=1)
    with database.write() as connection:
        assert outbox.release(connection, "second") == 0
        assert outbox.release(connection, "first") == 1
    assert [delivery.attempts for delivery in lease(database, "second")] == [1, 1]


def test_rows_that_are_not_due_or_of_another_kind_are_not_leased(database: Database) -> None:
    put(database)
    [due_later] = lease(database, "first")
    assert fail(database, due_later, "first", retry_in=60)
    with database.write() as connection:
        outbox.add(connection, Another(1))
    assert lease(database, "first") == []


def test_the_first_of_two_rows_with_one_key_is_kept(database: Database) -> None:
    with database.write() as connection:
        outbox.add(connection, Status(1), dedupe_key="key")
        outbox.add(connection, Status(2), dedupe_key="key")
        outbox.add_all(connection, [Status(3), Status(4)], ["key", "another"])
        outbox.add_all(connection, [])
    assert sorted(row.payload["number"] for row in rows(database)) == [1, 4]


def test_rows_are_counted_and_deleted_by_their_outcome(database: Database) -> None:
    put(database, 3)
    [first, second, _] = lease(database, "first")
    assert finish(database, first, "first")
    assert fail(database, second, "first", retry_in=None)
    with database.write() as connection:
        assert delivery_counts.count(connection) == {READY: 1, DONE: 1, DEAD: 1}
        assert outbox.forget_done(connection, timedelta(hours=1), 10) == 0
        assert outbox.forget_done(connection, timedelta(), 10) == 1
        assert delivery_counts.count(connection) == {READY: 1, DEAD: 1}


def test_counting_reads_no_more_rows_than_it_reports(database: Database) -> None:
    put(database, delivery_counts.MOST_COUNTED + 5)
    with database.read() as connection:
        assert delivery_counts.count(connection) == {READY: delivery_counts.MOST_COUNTED}
