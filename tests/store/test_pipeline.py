"""PostgreSQL's pipeline mode: prepared statements of a connection, and its state after a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, literal, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from connector.errors import DatabaseUnavailable
from connector.store import batch
from connector.store.engine import Database
from connector.store.models import history, users
from connector.store.pipeline import MOST_PREPARED

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
ADD = insert(users)
FIND = select(users.c.user_id).where(users.c.tenant == bindparam("of_tenant")).order_by(users.c.user_id)
PREPARED = text("SELECT name FROM pg_prepared_statements ORDER BY name")


@pytest.fixture
def database(new_database: Callable[[str], str]) -> Iterator[Database]:
    """A database of its own: one that was found behind a pooler is remembered for the rest of the process."""
    opened = Database(new_database("postgresql"))
    yield opened
    opened.close()


def add(connection: Connection, name: str) -> None:
    batch.execute(connection, ADD, {"tenant": "t", "user_id": name, "created_at": NOW})


def found(connection: Connection) -> list[str]:
    return batch.execute(connection, FIND, {"of_tenant": "t"}).scalars()


def prepared(database: Database) -> list[str]:
    """Return the prepared statements of the reused connection."""
    with database.read() as connection:
        return list(connection.execute(PREPARED).scalars())


def test_a_statement_is_prepared_once_for_all_values(database: Database) -> None:
    entry = {"at": NOW, "tenant": "t", "subject": "user", "current": "added", "cause": "test", "detail": {}}
    record = insert(history)
    with database.write() as connection:
        batch.execute(connection, record, entry | {"previous": None, "name": "a"})
        assert found(connection) == []
    before = prepared(database)
    for values in ({"previous": "b", "name": None}, {"previous": "100 %", "name": "%(name)s and $1"}):
        with database.write() as connection:
            batch.execute(connection, record, entry | values)
            assert found(connection) == []
    assert prepared(database) == before
    with database.read() as connection:
        names = batch.execute(connection, select(history.c.name).order_by(history.c.id), {})
    assert names.scalars() == ["a", None, "%(name)s and $1"]


def test_a_connection_remains_usable_after_a_failed_statement(database: Database) -> None:
    for _ in range(3):
        with suppress(IntegrityError), database.write() as connection:
            add(connection, "ann")
            add(connection, "ann")
            connection.execute(FIND, {"of_tenant": "t"})  # SQLAlchemy's own, on the same connection
        with database.write() as connection:
            assert found(connection) == []
    with database.write() as connection:
        add(connection, "ann")
    with database.read() as connection:
        assert found(connection) == ["ann"]


def test_a_failed_preparation_is_repeated(database: Database) -> None:
    nowhere = select(literal(1)).select_from(text("nowhere"))

    def fail() -> None:
        with database.write() as connection:
            add(connection, "ann")
            batch.execute(connection, nowhere, {})
            batch.execute(connection, FIND, {"of_tenant": "t"})  # behind the one that fails

    for _ in range(2):
        with pytest.raises(DBAPIError):
            fail()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE nowhere AS SELECT 1"))
        assert batch.execute(connection, nowhere, {}).scalar() == 1
        assert found(connection) == []


def test_values_that_cannot_be_sent_leave_the_connection_unchanged(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            add(connection, "ann")
            add(connection, "nul \0")

    with pytest.raises(DataError):
        fail()
    with database.write() as connection:
        add(connection, "bea")
        assert found(connection) == ["bea"]


def test_all_of_too_many_prepared_statements_are_dropped_and_prepared_again(database: Database) -> None:
    others = [select(literal(number).label(f"number_{number}")) for number in range(MOST_PREPARED)]
    with database.write() as connection:
        add(connection, "ann")
        for each in others:
            batch.execute(connection, each, {})
        assert found(connection) == ["ann"]
    assert len(prepared(database)) > MOST_PREPARED
    with database.read() as connection:
        assert found(connection) == ["ann"]
    assert len(prepared(database)) == 1
    with database.read() as connection:
        assert [batch.execute(connection, each, {}).scalar() for each in others[:2]] == [0, 1]


@pytest.mark.parametrize("is_missing", [True, False])
def test_behind_a_pooler_that_shares_connections_nothing_is_prepared(database: Database, is_missing: bool) -> None:
    """Statements then reach connections on which they were not prepared, or were prepared by others."""
    if is_missing:
        with database.read() as connection:
            assert found(connection) == []
            connection.execute(text("DEALLOCATE ALL"))
    else:
        with database.read() as connection:
            prepare_as_others(connection)

    def add_ann() -> None:
        with database.write() as connection:
            add(connection, "ann")
            assert found(connection) == ["ann"]

    with pytest.raises(DatabaseUnavailable):
        add_ann()
    before = prepared(database)
    add_ann()
    with database.write() as connection:
        add(connection, "bea")
        assert found(connection) == ["ann", "bea"]
    assert prepared(database) == before


def prepare_as_others(connection: Connection) -> None:
    """Prepare the statement `FIND` under the name that every process gives it."""
    found(connection)
    named = connection.execute(text("SELECT name, statement FROM pg_prepared_statements")).all()
    connection.execute(text("DEALLOCATE ALL"))
    connection.info.clear()
    driver: Any = connection.connection.dbapi_connection
    for name, statement in named:
        driver.pgconn.prepare(name.encode(), statement.encode())


def test_a_name_stands_for_one_statement_in_every_process(database: Database) -> None:
    """Otherwise a shared connection could execute another process's statement."""
    with database.write() as connection:
        add(connection, "ann")
        assert found(connection) == ["ann"]
    first = prepared(database)
    database.close()  # all connections; a new one prepares one of the statements first
    with database.read() as connection:
        assert found(connection) == ["ann"]
    assert set(prepared(database)) < set(first)


def test_answers_larger_than_the_socket_buffers_are_read(database: Database) -> None:
    large = select(bindparam("text", type_=users.c.user_id.type).label("text"))
    texts = [letter * 3_000_000 for letter in "abc"]
    with database.read() as connection:
        answers = [batch.execute(connection, large, {"text": each}) for each in texts]
        assert [each.scalar() for each in answers] == texts


def test_an_interruption_ends_the_connection_and_not_the_database(database: Database) -> None:
    """Unread answers must never be taken for those of the next statements."""

    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    def fail() -> None:
        with database.read() as connection:
            driver: Any = connection.connection.dbapi_connection
            driver.wait = interrupt
            found(connection)

    with pytest.raises(Interrupted):
        fail()
    with database.write() as connection:
        add(connection, "ann")
        assert found(connection) == ["ann"]


def test_sqlalchemys_own_statements_do_not_affect_prepared_ones(database: Database) -> None:
    with database.read() as connection:
        assert found(connection) == []
    for _ in range(10):
        with suppress(KeyError), database.write() as connection:
            connection.execute(FIND, {"of_tenant": "t"})
            raise KeyError
    with database.read() as connection:
        assert found(connection) == []
