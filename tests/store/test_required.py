"""Statements that must find or change a row: without it the transaction fails, although its commit was sent already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, Integer, bindparam, cast, event, select, update
from sqlalchemy.exc import DBAPIError

from connector.store import batch, required
from connector.store.dialect import Insert, insert
from connector.store.engine import Database
from connector.store.models import users
from connector.store.required import NoRowError
from tests.postgresql_proxy import PostgresqlProxy


def unless_known(statement: Insert) -> Insert:
    return statement.on_conflict_do_nothing(index_elements=[users.c.tenant, users.c.user_id])


NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
ADD = insert(users)
ADD_NEW = insert(users, lambda statement: required.one_row(unless_known(statement)))
RENAME = required.one_row(
    update(users).where(users.c.user_id == bindparam("of"), users.c.tenant == "t").returning(users.c.user_id)
)
FIND = select(users.c.user_id).where(users.c.tenant == bindparam("of_tenant")).order_by(users.c.user_id)
SHARE = required.one_row(
    select(users.c.user_id).where(users.c.user_id == bindparam("of_user")).with_for_update(read=True)
)
AS_NUMBER = select(cast(users.c.user_id, Integer)).where(users.c.user_id == bindparam("of_user"))


def user(name: str) -> dict[str, object]:
    return {"tenant": "t", "user_id": name, "created_at": NOW}


def add(connection: Connection, name: str) -> None:
    batch.execute(connection, ADD(connection), user(name))


def add_new(connection: Connection, *names: str) -> None:
    batch.insert_all(connection, ADD_NEW(connection), [user(each) for each in names], ("tenant", "created_at"))


def rename(connection: Connection, name: str, new: str) -> None:
    batch.execute(connection, RENAME, {"of": name, "user_id": new})


def share(connection: Connection, name: str) -> None:
    batch.execute(connection, SHARE, {"of_user": name})


@pytest.fixture(params=[False, True], ids=["", "with listeners"])
def filled(request: pytest.FixtureRequest, database: Database) -> Iterator[Database]:
    """A database with the users ann and bea; single statements may have listeners, which prevent batches."""
    with database.write() as connection:
        add_new(connection, "ann", "bea")
    listener = lambda *_: None  # noqa: E731
    if request.param:
        event.listen(Engine, "after_cursor_execute", listener)
    yield database
    if request.param:
        event.remove(Engine, "after_cursor_execute", listener)


def names_in(database: Database) -> list[str]:
    with database.read() as connection:
        return batch.execute(connection, FIND, {"of_tenant": "t"}).scalars()


@pytest.mark.parametrize(
    "require",
    [
        partial(rename, name="eve", new="eva"),
        partial(share, name="eve"),
        lambda connection: add_new(connection, "ann"),
        lambda connection: add_new(connection, "cid", "ann", "dan"),
    ],
    ids=["an update", "a lock", "a new row", "one of several new rows"],
)
@pytest.mark.parametrize("is_last", [False, True])
def test_a_transaction_without_a_required_row_writes_nothing(
    filled: Database, require: Callable[[Connection], None], *, is_last: bool
) -> None:
    def write() -> None:
        with filled.write() as connection:
            steps: list[Callable[[Connection], None]] = [partial(add, name="fay"), require]
            for step in steps if is_last else reversed(steps):
                step(connection)

    with pytest.raises(NoRowError):
        write()
    assert names_in(filled) == ["ann", "bea"]


def test_a_transaction_with_all_required_rows_is_committed(filled: Database) -> None:
    with filled.write() as connection:
        share(connection, "ann")
        rename(connection, "ann", "amy")
        add_new(connection, "cid", "dan")
        add(connection, "eve")
    assert names_in(filled) == ["amy", "bea", "cid", "dan", "eve"]


def test_the_connection_can_be_used_after_a_row_was_missing(filled: Database) -> None:
    with pytest.raises(NoRowError), filled.write() as connection:
        rename(connection, "eve", "eva")
    with filled.write() as connection:
        rename(connection, "ann", "amy")
    assert names_in(filled) == ["amy", "bea"]


def test_nothing_is_sent_after_the_commit_if_a_row_is_missing(filled: Database) -> None:
    def write() -> None:
        with filled.write() as connection:
            rename(connection, "eve", "eva")
            with batch.after_commit(connection):
                add(connection, "fay")

    with pytest.raises(NoRowError):
        write()
    assert names_in(filled) == ["ann", "bea"]


def test_a_required_row_takes_no_round_trip(postgresql_url: str) -> None:
    proxy = PostgresqlProxy(postgresql_url)
    database = Database(proxy.url)
    with database.write() as connection:
        add_new(connection, "ann")
    with proxy.counted() as number, database.write() as connection:
        rename(connection, "ann", "amy")
        add_new(connection, "bea")
    database.close()
    proxy.close()
    assert number == [1]


def test_another_error_of_the_same_kind_is_none_of_a_missing_row(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with database.write() as connection:
        add_new(connection, "ann")

    def write() -> None:
        with database.write() as connection:
            rename(connection, "ann", "amy")
            batch.execute(connection, AS_NUMBER, {"of_user": "amy"})

    with pytest.raises(DBAPIError):
        write()
    database.close()
