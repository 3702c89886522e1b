"""Statements that fail in a batch: SQLAlchemy's errors, at each place, and a connection as good as before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Executable,
    Integer,
    MetaData,
    Table,
    bindparam,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from connector.errors import DatabaseUnavailable
from connector.store import batch
from connector.store.engine import Database
from connector.store.models import users
from tests.databases import broken

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
ADD = insert(users)
FIND = select(users.c.user_id).where(users.c.tenant == bindparam("of_tenant")).order_by(users.c.user_id)
LOCK = select(users.c.user_id).where(users.c.user_id == bindparam("of_user")).with_for_update()
SET = update(users).where(users.c.user_id == bindparam("of_user"))
PROCESS = select(func.pg_backend_pid().label("pid"))

Step = tuple[Executable, dict[str, Any]]


def limited(setting: str) -> Executable:
    return select(text(f"set_config('{setting}', '200ms', true)"))


def adding(name: str) -> Step:
    return ADD, {"tenant": "t", "user_id": name, "created_at": NOW}


SLOW: Step = (select(text("pg_sleep(60)")), {})
FAULTS: dict[str, Step] = {
    "a row that exists": adding("ann"),
    "a value that is missing": (ADD, {"tenant": "t", "user_id": None, "created_at": NOW}),
    "a value that is too large": (select(text("2147483647 + 1")), {}),
    "a division by zero": (select(text("1 / 0")), {}),
    "an unknown function": (select(text("no_such_function()")), {}),
    "an unknown table": (select(text("1")).select_from(text("nowhere")), {}),
    "a statement that takes too long": SLOW,
    "a process that is ended": (select(text("pg_terminate_backend(pg_backend_pid())")), {}),
    "a statement that is cancelled": (select(text("pg_cancel_backend(pg_backend_pid()), pg_sleep(60)")), {}),
}


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    opened = Database(postgresql_url)
    with opened.write() as connection:
        batch.execute(connection, *adding("ann"))
    yield opened
    opened.close()


def fails(database: Database, steps: Sequence[Step], *, one_by_one: bool) -> tuple[type, type, bool]:
    """Execute the steps in a transaction; return the types of the error, and whether its connection is lost."""
    answers: list[batch.Answer] = []

    def execute() -> None:
        with database.write() as connection:
            if one_by_one:
                event.listen(connection, "after_cursor_execute", lambda *_: None)
            answers.extend(batch.execute(connection, *step) for step in steps)
            batch.flush(connection)

    with pytest.raises((DBAPIError, DatabaseUnavailable)) as caught:
        execute()
    if not one_by_one:
        for answer in answers:
            with pytest.raises(InvalidRequestError):
                _ = answer.rows
    error = caught.value.__cause__ if isinstance(caught.value, DatabaseUnavailable) else caught.value
    assert isinstance(error, DBAPIError)
    assert "ann" not in str(caught.value)
    return type(error), type(error.orig), error.connection_invalidated


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [0, 1, 2], ids=["first", "between", "last"])
def test_an_error_is_the_same_as_without_a_batch_at_each_place(database: Database, fault: str, at: int) -> None:
    steps = [adding("bea"), adding("cid")]
    steps.insert(at, FAULTS[fault])
    if FAULTS[fault] is SLOW:
        steps.insert(0, (limited("statement_timeout"), {}))
    errors = {fails(database, steps, one_by_one=one_by_one) for one_by_one in (True, False)}
    assert len(errors) == 1, errors
    with database.write() as connection:
        assert batch.execute(connection, FIND, {"of_tenant": "t"}).scalars() == ["ann"]
        assert connection.execute(FIND, {"of_tenant": "t"}).scalars().all() == ["ann"]


def test_a_deadlock_is_reported_to_one_of_two_batches_and_the_other_one_succeeds(database: Database) -> None:
    both_hold_one = Barrier(2)
    with database.write() as connection:
        batch.execute(connection, *adding("bea"))

    def change(first: str, second: str) -> Any:
        try:
            with database.write() as connection:
                assert batch.execute(connection, LOCK, {"of_user": first}).rows
                both_hold_one.wait(60)
                batch.execute(connection, LOCK, {"of_user": second})
                batch.execute(connection, SET, {"of_user": second, "created_at": NOW})
        except DatabaseUnavailable as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        results = [each.result(60) for each in (pool.submit(change, "ann", "bea"), pool.submit(change, "bea", "ann"))]
    [error] = [each for each in results if each is not None]
    assert type(error.__cause__.orig).__name__ == "DeadlockDetected"
    assert usable(database)


def test_a_lock_that_is_not_released_is_reported_as_unavailable(database: Database) -> None:
    def wait() -> None:
        with database.write() as connection:
            batch.execute(connection, limited("lock_timeout"), {})
            batch.execute(connection, LOCK, {"of_user": "ann"})
            batch.execute(connection, *adding("bea"))

    with database.write() as holder:
        assert batch.execute(holder, LOCK, {"of_user": "ann"}).rows
        with pytest.raises(DatabaseUnavailable) as caught:
            wait()
    assert type(caught.value.__cause__.orig).__name__ == "LockNotAvailable"  # type: ignore[union-attr]
    assert usable(database)


def usable(database: Database) -> bool:
    with database.write() as connection:
        return bool(batch.execute(connection, FIND, {"of_tenant": "t"}).rows)


def test_a_transaction_that_a_later_one_made_unserializable_is_reported_as_unavailable(database: Database) -> None:
    isolate = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def change() -> None:
        with database.write() as connection:
            connection.execute(isolate)
            assert batch.execute(connection, FIND, {"of_tenant": "t"}).rows
            with database.write() as other:
                batch.execute(other, SET, {"of_user": "ann", "created_at": NOW})
            batch.execute(connection, SET, {"of_user": "ann", "created_at": NOW})
            batch.execute(connection, *adding("bea"))

    with pytest.raises(DatabaseUnavailable) as caught:
        change()
    assert type(caught.value.__cause__.orig).__name__ == "SerializationFailure"  # type: ignore[union-attr]
    assert usable(database)


@pytest.mark.parametrize("after", [0, 1])
def test_a_connection_that_ended_between_two_batches_of_a_transaction_is_replaced(
    database: Database, after: int
) -> None:
    def end(connection: Connection) -> None:
        process = batch.execute(connection, PROCESS, {}).scalar()
        with database.read() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 30000)"), {"pid": process})

    def change() -> None:
        with database.write() as connection:
            for number in range(after):
                batch.execute(connection, *adding(f"user-{number}"))
            end(connection)
            batch.execute(connection, *adding("bea"))

    with pytest.raises(DatabaseUnavailable) as caught:
        change()
    assert caught.value.__cause__.connection_invalidated  # type: ignore[union-attr]
    with database.write() as connection:
        assert batch.execute(connection, FIND, {"of_tenant": "t"}).scalars() == ["ann"]


def test_a_constraint_that_is_checked_at_the_commit_fails_the_transaction(database: Database) -> None:
    table = "CREATE TABLE late (n int, CONSTRAINT one UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)"
    add = insert(Table("late", MetaData(), Column("n", Integer)))

    def change() -> None:
        with database.write() as connection:
            batch.execute(connection, *adding("bea"))
            batch.execute(connection, add, {"n": 1})
            batch.execute(connection, add, {"n": 1})
            with batch.after_commit(connection):
                batch.execute(connection, FIND, {"of_tenant": "t"})

    with broken(database, table, "DROP TABLE late"):
        with pytest.raises(DBAPIError) as caught:
            change()
        assert type(caught.value.orig).__name__ == "UniqueViolation"
        with database.write() as connection:
            assert batch.execute(connection, FIND, {"of_tenant": "t"}).scalars() == ["ann"]
            number = select(func.count().label("number")).select_from(add.table)
            assert batch.execute(connection, number, {}).scalar() == 0
