"""Several statements in one round trip: the same answers, locks and errors as one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from connector.errors import DatabaseUnavailable
from connector.store import batch
from connector.store.batch import Step
from connector.store.engine import Database
from connector.store.models import history, users
from tests.postgresql_proxy import PostgresqlProxy

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
ADD = insert(users).returning(users.c.user_id, users.c.created_at)
FIND = select(users.c.user_id, users.c.created_at).where(users.c.tenant == bindparam("of_tenant"))
RENAME = update(users).where(users.c.user_id == bindparam("of"))
RECORD = insert(history)


def user(name: str) -> dict[str, object]:
    return {"tenant": "t", "user_id": name, "created_at": NOW}


@pytest.fixture
def proxied(new_database: object, postgresql_server: str) -> Iterator[tuple[Database, PostgresqlProxy]]:
    proxy = PostgresqlProxy(new_database("postgresql"))  # type: ignore[operator]
    database = Database(proxy.url)
    with database.read() as connection:
        connection.execute(text("SELECT 1"))  # the first connection is made, and SQLAlchemy has asked what it asks once
    yield database, proxy
    database.close()
    proxy.close()


def test_answers_come_by_position_with_rows_and_row_counts(database: Database) -> None:
    with database.write() as connection:
        added, here, elsewhere, renamed = batch.send(
            connection,
            [
                Step(ADD, user("ann")),
                Step(FIND, {"of_tenant": "t"}),
                Step(FIND, {"of_tenant": "u"}),
                Step(RENAME, {"of": "ann", "user_id": "bea"}),
            ],
        )
    assert added.rows[0].created_at == NOW
    assert here.one_or_none() == ("ann", NOW)
    assert elsewhere.one_or_none() is None
    assert renamed.rowcount == 1
    with database.read() as connection:
        [found] = batch.send(connection, [Step(FIND, {"of_tenant": "t"})])
    assert found.scalars() == ["bea"]


def test_values_are_written_and_read_by_their_columns_types(database: Database) -> None:
    entry = {"at": NOW, "tenant": "t", "subject": "user", "current": "added", "cause": "test", "detail": {"a": [1]}}
    with database.write() as connection:
        _, read = batch.send(connection, [Step(RECORD, entry), Step(select(history.c.at, history.c.detail), {})])
    assert tuple(read.rows[0]) == (NOW, {"a": [1]})


def test_a_batch_may_end_its_transaction(database: Database) -> None:
    with database.write() as connection:
        batch.send(connection, [Step(ADD, user("ann"))], commit=True)
    with database.read() as connection:
        [found] = batch.send(connection, [Step(FIND, {"of_tenant": "t"})])
    assert found.scalars() == ["ann"]


def test_statements_before_and_after_a_batch_are_of_its_transaction(database: Database) -> None:
    for before in (["ann"], []):
        with suppress(KeyError), database.write() as connection:
            for name in before:
                connection.execute(ADD, user(name))
            batch.send(connection, [Step(ADD, user("bea"))])
            connection.execute(ADD, user("cid"))
            raise KeyError
    with database.write() as connection:  # the connection that a batch has used begins as any other
        connection.execute(ADD, user("dan"))
    with database.read() as connection:
        assert connection.execute(FIND, {"of_tenant": "t"}).scalars().all() == ["dan"]


@pytest.mark.parametrize("commit", [False, True])
def test_a_statement_that_fails_fails_its_transaction(database: Database, *, commit: bool) -> None:
    steps = [Step(ADD, user("ann")), Step(ADD, user("ann")), Step(ADD, user("bea"))]
    with pytest.raises(IntegrityError) as caught, database.write() as connection:
        batch.send(connection, steps, commit=commit)
    assert "ann" not in str(caught.value)
    with database.read() as connection:
        assert connection.execute(FIND, {"of_tenant": "t"}).all() == []


def test_a_lost_connection_is_told_as_such_and_replaced(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, _ = proxied
    kill = select(text("pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(DatabaseUnavailable) as caught, database.read() as connection:
        batch.send(connection, [Step(kill, {})])
    cause = caught.value.__cause__
    assert isinstance(cause, OperationalError)
    assert cause.connection_invalidated
    with database.write() as connection:
        batch.send(connection, [Step(ADD, user("ann"))], commit=True)


def test_a_batch_is_one_round_trip(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, proxy = proxied
    with proxy.counted() as read, database.read() as connection:
        batch.send(connection, [Step(FIND, {"of_tenant": each}) for each in "abc"])
    with proxy.counted() as written, database.write() as connection:
        batch.send(connection, [Step(ADD, user(each)) for each in "abc"])
        batch.send(connection, [Step(ADD, user(each)) for each in "def"], commit=True)
    with proxy.counted() as single, database.write() as connection:
        connection.execute(ADD, user("g"))
    assert (read, written, single) == ([1], [2], [3])


def test_a_list_that_would_have_to_be_expanded_is_refused(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, _ = proxied
    named = select(users.c.user_id).where(users.c.user_id.in_(bindparam("names", expanding=True)))
    with pytest.raises(TypeError), database.read() as connection:
        batch.send(connection, [Step(named, {"names": ["a"]})])


def test_a_driver_error_is_a_database_error(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write() as connection:
        batch.send(connection, [Step(select(text("no_such_function()")), {})])
