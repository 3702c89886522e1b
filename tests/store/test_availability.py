"""An unavailable or read-only database, distinguished from an invalid statement; on both databases."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, TimeoutError  # noqa: A004  the pool's

from connector.errors import DatabaseUnavailable
from connector.services.health import WRITE_EVERY, Health
from connector.store.availability import is_unavailable
from connector.store.engine import Database
from tests import databases
from tests.store.refusing import refusing_writes, standing_apart
from tests.waiting import wait_until


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


def write(connection: Connection) -> None:
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def test_a_read_only_database_is_reported_and_can_be_read(database_url: str) -> None:
    with refusing_writes(database_url), closing(Database(database_url)) as database:
        with database.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        with pytest.raises(DatabaseUnavailable) as refused, database.write() as connection:
            write(connection)
        assert refused.value.reason
    with closing(Database(database_url)) as database, database.write() as connection:
        write(connection)


def test_a_wrong_statement_is_not_an_outage(database: Database) -> None:
    for statement in ("SELECT nothing FROM nowhere", "SELEC", "UPDATE users SET nothing = 1"):
        with pytest.raises(SQLAlchemyError), database.write() as connection:
            connection.execute(text(statement))
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("INSERT INTO secrets (name) VALUES ('x')"))


def test_a_restarting_postgresql_is_temporarily_unavailable(new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    with closing(Database(url)) as database:
        with database.read() as connection:
            connection.execute(text("SELECT 1"))
        with standing_apart(url):
            for use in (database.read, database.write):
                with pytest.raises(DatabaseUnavailable), use() as connection:
                    connection.execute(text("SELECT 1"))
        with database.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ann:top-secret@127.0.0.1:1/connector",
        "postgresql+psycopg://ann:top-secret@/connector?host=/nowhere",
    ],
)
def test_an_unreachable_postgresql_is_unavailable_and_no_password_reported(url: str) -> None:
    database = Database(url)
    with pytest.raises(DatabaseUnavailable) as refused, database.read():
        pass
    assert "top-secret" not in refused.value.reason
    assert "connect" in refused.value.reason
    database.close()


def test_a_file_that_is_not_a_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "connector.db"
    path.write_bytes(b"no database" * 1000)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(DatabaseUnavailable, match="not a database"), database.read() as connection:
        connection.execute(text("SELECT 1"))
    database.close()


@pytest.mark.parametrize(
    ("state", "is_outage"),
    [
        *((state, True) for state in ("08006", "53100", "53300", "57P01", "57P03", "57014", "25006", "55P03", "40P01")),
        *((state, True) for state in ("3D000", "28P01", "42501", "58030")),
        *((state, False) for state in ("22012", "23505", "42601", "42P01", "0A000", "22P02")),
    ],
)
def test_postgresqls_errors_are_distinguished_by_their_states(state: str, is_outage: bool) -> None:
    original = psycopg.errors.lookup(state)("words")
    assert is_unavailable(DBAPIError("SELECT 1", None, original)) is is_outage


@pytest.mark.parametrize(
    ("code", "is_outage"),
    [
        *((code, True) for code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)),
        *((code, True) for code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CANTOPEN)),
        *((code, False) for code in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE)),
    ],
)
def test_sqlites_errors_are_distinguished_by_their_codes(code: int, is_outage: bool) -> None:
    original = sqlite3.OperationalError("words")
    original.sqlite_errorcode = code
    assert is_unavailable(DBAPIError("SELECT 1", None, original)) is is_outage


@pytest.mark.parametrize(
    ("name", "is_outage"),
    [("OperationalError", True), ("ConnectionTimeout", True), ("InterfaceError", True), ("ProgrammingError", False)],
)
def test_postgresqls_errors_without_a_state_are_outages_if_they_are_of_connections(
    name: str, *, is_outage: bool
) -> None:
    original = getattr(psycopg.errors, name)("words")
    assert is_unavailable(DBAPIError("SELECT 1", None, original)) is is_outage


def test_an_exhausted_pool_is_an_outage() -> None:
    assert is_unavailable(TimeoutError("QueuePool limit reached"))


def test_a_database_is_healthy_exactly_while_it_accepts_writes(database_url: str) -> None:
    def problem() -> str | None:
        with closing(Database(database_url)) as database:
            return Health(database).problem()

    assert problem() is None
    with refusing_writes(database_url):
        assert problem() == "The database accepts no writes."
    with closing(Database(database_url)) as database, databases.of_another_version(database):
        assert problem() == "The database is not migrated: run `connector migrate`."
    assert problem() is None


def test_frequent_checks_write_once_a_second(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        health = Health(database)
        assert health.problem() is None
        since = time.monotonic()
        with nearly_full():
            answers = [health.problem() for _ in range(5)]
            if database.is_sqlite and time.monotonic() - since < WRITE_EVERY:
                assert answers == [None] * 5
            wait_until(lambda: not database.is_sqlite or health.problem() is not None)


def test_a_write_in_progress_blocks_no_other_check(database: Database) -> None:
    health, is_held, release = Health(database), threading.Event(), threading.Event()
    answers: list[str | None] = []

    def hold() -> None:
        with database.write() as connection:
            write(connection)
            is_held.set()
            release.wait(60)

    holding = threading.Thread(target=hold)
    holding.start()
    is_held.wait(60)
    asking = [threading.Thread(target=lambda: answers.append(health.problem())) for _ in range(3)]
    for each in asking:
        each.start()
    try:
        wait_until(lambda: len(answers) >= 3)
        assert answers == [None] * 3
    finally:
        release.set()
        for each in (*asking, holding):
            each.join()
        wait_until(lambda: all(each.name != "check" for each in threading.enumerate()))  # the write that had to wait


def test_a_server_without_a_free_connection_is_unreachable_rather_than_read_only(
    new_database: Callable[[str], str],
) -> None:
    url, role = new_database("postgresql"), f"limited_{uuid.uuid4().hex}"
    databases.execute(url, f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
    try:
        with closing(Database(make_url(url).set(username=role).render_as_string())) as database:
            with database.read(), pytest.raises(DatabaseUnavailable, match="too many connections") as caught:
                database.check_writable()
            with pytest.raises(DatabaseUnavailable, match="permission denied") as refused:
                database.check_writable()
    finally:
        databases.execute(url, f"DROP ROLE {role}")
    assert (caught.value.is_reached, refused.value.is_reached) == (False, True)


def test_a_disk_that_is_nearly_full_is_reported_before_a_write_fails(new_database: Callable[[str], str]) -> None:
    database = Database(new_database("sqlite"))
    with nearly_full():
        assert Health(database).problem() == "The database accepts no writes."
    assert Health(database).problem() is None
    database.close()


@contextmanager
def nearly_full() -> Iterator[None]:
    class Disk:
        f_bavail, f_frsize = 10, 4096

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.statvfs", lambda _: Disk)
        yield


def test_no_disk_is_checked_for_postgresql(new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    assert make_url(url).get_backend_name() == "postgresql"
    database = Database(url)
    assert database.path is None
    assert Health(database).problem() is None
    database.close()
