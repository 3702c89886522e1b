"""Several statements in one round trip: the same results, locks and errors as one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    Column,
    Engine,
    ExceptionContext,
    MetaData,
    String,
    Table,
    bindparam,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError, OperationalError

from connector.errors import DatabaseUnavailable
from connector.store import batch
from connector.store.engine import Database
from connector.store.models import history, users
from tests.listening import listening
from tests.postgresql_proxy import PostgresqlProxy
from tests.waiting import wait_until

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
ADD = insert(users).returning(users.c.user_id, users.c.created_at)
FIND = select(users.c.user_id, users.c.created_at).where(users.c.tenant == bindparam("of_tenant"))
RENAME = update(users).where(users.c.user_id == bindparam("of"))
RECORD = insert(history)
COUNT_OWN = select(func.count().label("number")).select_from(users).where(text("xmin = pg_current_xact_id()::xid"))
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def user(name: str) -> dict[str, object]:
    return {"tenant": "t", "user_id": name, "created_at": NOW}


def add(database: Database, names: Sequence[str], *, is_read: bool = False) -> None:
    with database.write() as connection:
        answers = [batch.execute(connection, ADD, user(name)) for name in reversed(names)]
        assert not is_read or answers[0].rows


@pytest.fixture
def proxied(postgresql_url: str) -> Iterator[tuple[Database, PostgresqlProxy]]:
    proxy = PostgresqlProxy(postgresql_url)
    database = Database(proxy.url)
    with database.read() as connection:
        connection.execute(
            text("SELECT 1")
        )  # the first connection is open, and SQLAlchemy has made its initial queries
    yield database, proxy
    database.close()
    proxy.close()


def test_answers_have_rows_and_row_counts(database: Database) -> None:
    with database.write() as connection:
        added = batch.execute(connection, ADD, user("ann"))
        here = batch.execute(connection, FIND, {"of_tenant": "t"})
        elsewhere = batch.execute(connection, FIND, {"of_tenant": "u"})
        renamed = batch.execute(connection, RENAME, {"of": "ann", "user_id": "bea"})
        assert added.rows[0].created_at == NOW
        assert here.one_or_none() == ("ann", NOW)
        assert (elsewhere.one_or_none(), elsewhere.scalar(), elsewhere.rowcount) == (None, None, 0)
        assert (renamed.rowcount, renamed.rows) == (1, ())
    with database.read() as connection:
        found = batch.execute(connection, FIND, {"of_tenant": "t"})
    assert found.scalars() == ["bea"]  # also after the block
    assert found.scalar() == "bea"


def test_values_are_written_and_read_by_their_columns_types(database: Database) -> None:
    entry = {"at": NOW, "tenant": "t", "subject": "user", "current": "added", "cause": "test", "detail": {"a": [1]}}
    with database.write() as connection:
        batch.execute_all(connection, RECORD, [entry, {**entry, "detail": {}}])
        read = batch.execute(connection, select(history.c.at, history.c.detail).order_by(history.c.id), {})
    assert read.rows == [(NOW, {"a": [1]}), (NOW, {})]


def test_statements_of_every_form_are_executed_in_order(database: Database) -> None:
    with database.write() as connection:
        batch.execute(connection, ADD, user("ann"))
        connection.execute(RENAME, {"of": "ann", "user_id": "bea"})
        batch.execute(connection, RENAME, {"of": "bea", "user_id": "cid"})
        assert connection.execute(FIND, {"of_tenant": "t"}).scalars().all() == ["cid"]
        batch.execute(connection, RENAME, {"of": "cid", "user_id": "dan"})
    with database.read() as connection:
        assert connection.execute(FIND, {"of_tenant": "t"}).scalars().all() == ["dan"]


def test_statement_listeners_are_called_for_each_statement_in_order(database: Database) -> None:
    heard: list[str] = []
    listeners = [
        ("after_cursor_execute", lambda *given: heard.append(given[2].split()[0])),
        ("commit", lambda *_: heard.append("COMMIT")),
    ]
    with database.write() as connection:
        for name, listener in listeners:
            event.listen(connection, name, listener)
        batch.execute(connection, ADD, user("ann"))
        batch.execute(connection, FIND, {"of_tenant": "t"})
    assert heard == ["INSERT", "SELECT", "COMMIT"]


def test_statements_before_and_after_a_batch_belong_to_its_transaction(database: Database) -> None:
    for before in (["ann"], []):
        with suppress(KeyError), database.write() as connection:
            for name in before:
                connection.execute(ADD, user(name))
            assert batch.execute(connection, ADD, user("bea")).rowcount == 1
            connection.execute(ADD, user("cid"))
            batch.execute(connection, ADD, user("eve"))
            raise KeyError
    with database.write() as connection:  # the connection that a batch has used begins as any other
        connection.execute(ADD, user("dan"))
    with database.read() as connection:
        assert connection.execute(FIND, {"of_tenant": "t"}).scalars().all() == ["dan"]


@pytest.mark.parametrize("is_read", [False, True], ids=["unread", "read"])
@pytest.mark.parametrize("names", [["ann"], ["ann", "bea"]], ids=["alone", "together"])
def test_a_failing_statement_fails_its_transaction(database: Database, names: list[str], *, is_read: bool) -> None:
    with database.write() as connection:
        batch.execute(connection, ADD, user("ann"))
    with pytest.raises(IntegrityError) as caught:
        add(database, names, is_read=is_read)
    assert "ann" not in str(caught.value)
    with database.read() as connection:
        assert connection.execute(FIND, {"of_tenant": "t"}).scalars().all() == ["ann"]


def test_error_listeners_are_called(database: Database) -> None:
    heard: list[ExceptionContext] = []
    with listening((Engine, "handle_error", heard.append)), pytest.raises(IntegrityError):
        add(database, ["ann", "ann"])
    assert isinstance(heard[0].sqlalchemy_exception, IntegrityError)


def test_a_lost_connection_is_reported_as_such_and_replaced(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, _ = proxied
    kill = select(text("pg_terminate_backend(pg_backend_pid())"))
    with pytest.raises(DatabaseUnavailable) as caught, database.read() as connection:
        batch.execute(connection, kill, {})
    cause = caught.value.__cause__
    assert isinstance(cause, OperationalError)
    assert cause.connection_invalidated
    with database.write() as connection:
        batch.execute(connection, ADD, user("ann"))


def test_queued_statements_take_one_round_trip(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, proxy = proxied
    with proxy.counted() as read, database.read() as connection:
        batch.execute_all(connection, FIND, [{"of_tenant": each} for each in "abc"])
    with proxy.counted() as written, database.write() as connection:
        batch.execute_all(connection, ADD, [user(each) for each in "ab"])
        assert batch.execute(connection, ADD, user("c")).rows
        batch.execute_all(connection, ADD, [user(each) for each in "def"])
    with proxy.counted() as alone, database.write() as connection:
        added = batch.execute(connection, ADD, user("g"))
    with proxy.counted() as plain, database.write() as connection:
        connection.execute(ADD, user("h"))
    with proxy.counted() as nothing, database.write() as connection:
        pass
    assert (read, written, alone, plain, nothing) == ([1], [2], [1], [3], [0])
    assert added.rowcount == 1


def test_a_statement_after_the_commit_sees_changes_committed_meanwhile(database: Database) -> None:
    with database.write() as connection:
        batch.execute(connection, ADD, user("ann"))
        with batch.after_commit(connection):
            found = batch.execute(connection, FIND, {"of_tenant": "t"})
    assert found.scalars() == ["ann"]
    with suppress(KeyError), database.write() as connection:
        with batch.after_commit(connection):
            unsent = batch.execute(connection, FIND, {"of_tenant": "t"})
        raise KeyError
    with pytest.raises(InvalidRequestError):
        unsent.scalars()


def test_a_statement_after_the_commit_does_not_belong_to_the_transaction(
    proxied: tuple[Database, PostgresqlProxy],
) -> None:
    database, proxy = proxied
    for observes in (False, True):
        with proxy.counted() as number, database.write() as connection:
            if observes:
                event.listen(connection, "commit", lambda _: None)
            batch.execute(connection, ADD, user(f"ann {observes}"))
            with batch.after_commit(connection):
                state = batch.execute(connection, COUNT_OWN, {})
        assert state.scalar() == 0, "the row was written by a transaction that has ended"
        assert observes or number == [1]


def test_statements_after_the_commit_are_sent_with_it_though_nothing_else_is_left_to_send(
    proxied: tuple[Database, PostgresqlProxy],
) -> None:
    database, proxy = proxied
    with proxy.counted() as number, database.write() as connection:
        assert batch.execute(connection, ADD, user("ann")).rows
        with batch.after_commit(connection):
            state, found = batch.execute(connection, COUNT_OWN, {}), batch.execute(connection, FIND, {"of_tenant": "t"})
        batch.execute(connection, ADD, user("ben"))
    assert (state.scalar(), sorted(found.scalars()), number) == (0, ["ann", "ben"], [2])
    with proxy.counted() as number, database.write() as connection:
        assert batch.execute(connection, ADD, user("eve")).rows
        with batch.after_commit(connection):
            found = batch.execute(connection, FIND, {"of_tenant": "t"})
    assert (sorted(found.scalars()), number) == (["ann", "ben", "eve"], [2])


def test_a_transaction_stays_committed_though_a_statement_after_it_fails(database: Database) -> None:
    def add_twice() -> None:
        with database.write() as connection:
            assert batch.execute(connection, ADD, user("ann")).rows is not None
            with batch.after_commit(connection):
                batch.execute(connection, ADD, user("ann"))

    with pytest.raises(IntegrityError):
        add_twice()
    with database.write() as connection:
        assert batch.execute(connection, FIND, {"of_tenant": "t"}).scalars() == ["ann"]


def test_waiting_for_a_lock_delays_no_other_connection(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, _ = proxied
    lock = FIND.with_for_update()
    with database.write() as connection:
        batch.execute(connection, ADD, user("ann"))

    def wait() -> list[str]:
        with database.write() as connection:
            return list(batch.execute(connection, lock, {"of_tenant": "t"}).each(lambda row: str(row.user_id)))

    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            assert batch.execute(connection, lock, {"of_tenant": "t"}).scalars() == ["ann"]
            waiting = pool.submit(wait)
            wait_until(lambda: waiting.done() or is_waited_for(database))
            mine = batch.execute(connection, FIND, {"of_tenant": "t"}).each(lambda row: row.user_id)
            assert list(mine) == ["ann"]
            assert not waiting.done()
        assert waiting.result(60) == ["ann"]


def is_waited_for(database: Database) -> bool:
    with database.read() as connection:
        return connection.execute(WAITING).scalar() == 1


def test_a_list_that_needs_expansion_is_refused(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, _ = proxied
    named = select(users.c.user_id).where(users.c.user_id.in_(bindparam("names", expanding=True)))
    with pytest.raises(TypeError), database.read() as connection:
        batch.execute(connection, named, {"names": ["a"]})


def test_python_defaults_are_refused(proxied: tuple[Database, PostgresqlProxy]) -> None:
    database, _ = proxied
    named = insert(Table("named", MetaData(), Column("name", String, default="somebody"), Column("at", String)))
    with pytest.raises(TypeError), database.write() as connection:
        batch.execute(connection, named, {"at": "home"})


def test_a_driver_error_is_a_database_error(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write() as connection:
        batch.execute(connection, select(text("no_such_function()")), {})
