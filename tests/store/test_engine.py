"""Transactions: writers are isolated and durable, readers never wait, and times are preserved."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from connector.store.engine import PING_AFTER, Database
from connector.store.models import secrets, user_attributes
from connector.store.models import users as users_table
from connector.store.people import users
from tests.databases import execute

COUNT = """
def count(_):
    with database.write() as connection:
        number = int(connection.execute(select(secrets.c.value)).scalar_one())
        connection.execute(update(secrets).values(value=str(number + 1)))

database = Database(sys.argv[1])
with ThreadPoolExecutor(4) as pool:
    list(pool.map(count, range(25)))
database.close()
"""
IMPORTS = """
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import select, update
from connector.store.engine import Database
from connector.store.models import secrets
"""


def test_a_failed_transaction_leaves_no_rows(database: Database, now: datetime) -> None:
    def add_and_fail() -> None:
        with database.write() as connection:
            users.add(connection, "acme", "ann", now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    with database.read() as connection:
        assert not users.has(connection, "acme", "ann")


def test_a_reader_neither_waits_for_a_writer_nor_sees_uncommitted_work(database: Database, now: datetime) -> None:
    with database.write() as writing:
        users.add(writing, "acme", "ann", now)
        with database.read() as reading:
            assert not users.has(reading, "acme", "ann")
    with database.read() as reading:
        assert users.has(reading, "acme", "ann")


def test_many_threads_write_one_after_another(database: Database) -> None:
    def add(number: int) -> None:
        with database.write() as connection:
            users.add(connection, "acme", f"user-{number:03}", datetime.now(UTC))

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(add, range(96)))

    with database.read() as connection:
        assert users.find_page(connection, "acme", limit=1000) == [f"user-{number:03}" for number in range(96)]


def test_several_processes_with_threads_lose_no_write_to_one_sqlite_file(
    sqlite_template: Path, tmp_path: Path, race: Callable[..., list[str]]
) -> None:
    path = tmp_path / "shared.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.execute(insert(secrets).values(name="number", value="0"))

    race(IMPORTS, COUNT, f"sqlite:///{path}")

    with database.read() as connection:
        assert connection.execute(select(secrets.c.value)).scalar_one() == "75"
    database.close()


def test_a_failing_writer_lets_the_next_one_write(database: Database, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), database.write():
        raise ZeroDivisionError
    entered = threading.Event()

    def write() -> None:
        with database.write() as connection:
            users.add(connection, "acme", "ann", now)
        entered.set()

    thread = threading.Thread(target=write)
    thread.start()
    thread.join(timeout=60)
    assert entered.is_set()


def test_foreign_keys_are_enforced(database: Database, now: datetime) -> None:
    row = {"tenant": "acme", "user_id": "nobody", "uri": "urn:x", "value": "sealed"}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(user_attributes).values(row))


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))])
def test_a_time_is_read_as_the_same_moment_in_utc(database: Database, zone: timezone) -> None:
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, zone)
    with database.write() as connection:
        users.add(connection, "acme", "ann", moment)
    with database.read() as connection:
        stored = connection.execute(select(users_table.c.created_at)).scalar_one()
    assert stored == moment
    assert stored.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 1, 1)
    with pytest.raises(StatementError, match="time zone"), database.write() as connection:
        users.add(connection, "acme", "ann", naive)


def test_a_database_error_does_not_repeat_values(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused, database.write() as connection:
        connection.execute(insert(secrets).values(name=None, value="a-very-secret-value"))
    assert "a-very-secret-value" not in str(refused.value)


def test_sqlite_files_are_durable_and_erase_deleted_data(sqlite_template: Path) -> None:
    database = Database(f"sqlite:///{sqlite_template}")
    with database.read() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_the_writers_lock_file_belongs_to_its_owner_only(sqlite_template: Path) -> None:
    database = Database(f"sqlite:///{sqlite_template}")
    assert Path(f"{sqlite_template}.lock").stat().st_mode & 0o777 == 0o600
    database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_lost_while_idle_is_replaced_unnoticed(database: Database, database_url: str) -> None:
    with database.write() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    execute(database_url, f"SELECT pg_terminate_backend({pid})")
    time.sleep(PING_AFTER)

    with database.write() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != pid


def test_a_transaction_may_skip_waiting_for_the_disk(database: Database) -> None:
    if database.is_sqlite:
        with database.write(waits_for_disk=False) as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2, "there, each one waits"
        return
    setting = text("SHOW synchronous_commit")
    with database.read() as connection:
        connection.execute(text("SET synchronous_commit = on"))
    for waits_for_disk, expected in ((False, "off"), (True, "on")):
        with database.write(waits_for_disk=waits_for_disk) as connection:
            assert connection.execute(setting).scalar() == expected
    with database.read() as connection:
        connection.execute(text("RESET synchronous_commit"))
