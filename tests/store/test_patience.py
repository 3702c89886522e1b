"""A PostgreSQL that stops answering: no exchange waits for ever, and the next ones succeed once it answers again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, insert, select, text
from sqlalchemy.exc import OperationalError

from connector.errors import DatabaseUnavailable
from connector.store import batch
from connector.store.engine import Database, lift_time_limits
from connector.store.models import users
from tests.postgresql_proxy import PostgresqlProxy

ADD = insert(users)
FIND = select(users.c.user_id).where(users.c.tenant == bindparam("of_tenant"))
NAME = {"of_tenant": "t"}
BEA = {"tenant": "t", "user_id": "bea", "created_at": datetime(2026, 11, 26, 12, 30, tzinfo=UTC)}
SLEEP = text("SELECT pg_sleep(1)")


@pytest.fixture
def proxied(postgresql_url: str) -> Iterator[tuple[Database, PostgresqlProxy]]:
    """A database with two connections in its pool, through a proxy that can stop."""
    proxy = PostgresqlProxy(postgresql_url)
    database = Database(proxy.url)
    with database.read() as one, database.read() as other:
        for each in (one, other):
            assert each.execute(FIND, NAME).all() == []
            assert batch.execute(each, FIND, NAME).rows == []
    yield database, proxy
    database.close()
    proxy.close()


def be_impatient(connection: Connection) -> None:
    """Shorten the limit of this connection alone, so that no other exchange can exceed it on a busy machine."""
    driver: Any = connection.connection.dbapi_connection
    driver.patience = 0.3


def reading_one_by_one(connection: Connection) -> None:
    connection.execute(FIND, NAME)


def reading_together(connection: Connection) -> None:
    assert batch.execute(connection, FIND, NAME).rows


def writing(connection: Connection) -> None:
    batch.execute(connection, ADD, BEA)  # sent with the commit


@pytest.mark.parametrize("step", [reading_one_by_one, reading_together, writing])
def test_an_exchange_with_a_server_that_does_not_answer_is_given_up(
    proxied: tuple[Database, PostgresqlProxy], step: Callable[[Connection], None]
) -> None:
    database, proxy = proxied

    def ask() -> None:
        with database.write() as connection:
            be_impatient(connection)
            proxy.passes_on.clear()
            step(connection)

    with pytest.raises(DatabaseUnavailable, match=r"has not answered for 0\.3 seconds") as caught:
        ask()
    assert isinstance(caught.value.__cause__, OperationalError)
    assert caught.value.__cause__.connection_invalidated

    proxy.passes_on.set()
    with database.write() as connection:
        batch.execute(connection, ADD, {**BEA, "user_id": "cid"})
        assert "cid" in batch.execute(connection, FIND, NAME).scalars()


def test_a_statement_may_take_longer_than_the_limit_where_limits_are_lifted(
    proxied: tuple[Database, PostgresqlProxy],
) -> None:
    database, _ = proxied
    with database.write() as connection:
        be_impatient(connection)
        lift_time_limits(connection)
        connection.execute(SLEEP)
    with database.write() as connection:
        connection.execute(SLEEP)  # its limit is the usual one again

    def sleep() -> None:
        with database.write() as connection:
            be_impatient(connection)
            connection.execute(SLEEP)

    with pytest.raises(DatabaseUnavailable):
        sleep()
