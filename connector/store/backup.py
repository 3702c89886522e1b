"""Copying an SQLite database while it is in use, and restoring a copy.

Both use SQLite's online backup: it copies one consistent state of the database, and writes it in one transaction, under
the locks that every other connection respects. Copying the files would do neither.

Neither a backup nor a restored database contains sign-ins: somebody who was signed out after the backup would be signed
in again, and a code that was accepted would be accepted once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from connector.domain.frozen import frozen
from connector.errors import ConfigurationError
from connector.private_file import draft_beside
from connector.store.schema import known_versions
from connector.store.sealed import sealed_columns
from connector.store.writer_queue import WriterQueue

BUSY = 30.0  # seconds to wait for others
SIGN_INS = ("console_sessions", "console_links", "openid_flows")
_LATEST = (("history", "at"), ("verifications", "updated_at"), ("events", "received_at"), ("users", "created_at"))


@frozen
class Content:
    """The ids of a database's encryption keys, and the time of its last change, if any."""

    key_ids: tuple[str, ...]
    changed_at: str | None


def back_up(database: Path, target: Path) -> Content:
    """Copy a database, which may be in use, into a file that only its owner can read; return the copy's content."""
    with draft_beside(target) as draft:
        with _opened(database) as source, _writing(target), closing(sqlite3.connect(draft, timeout=BUSY)) as copy:
            _copy_without_sign_ins(source, copy)
        content = read_content(draft)
        draft.replace(target)
    return content


def restore(backup: Path, database: Path) -> None:
    """Write a backup over a database, or create it, in one transaction, even while others use the database."""
    if database.exists() and not _is_sound(database):
        for suffix in ("", "-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
    queue = WriterQueue(database)
    try:
        with (
            queue.turn(BUSY),
            _without_sign_ins(backup, database) as source,
            _writing(database),
            closing(sqlite3.connect(database, timeout=BUSY)) as target,
        ):
            source.backup(target)
    finally:
        queue.close()


def read_content(path: Path) -> Content:
    """Return the content of a database of this version or an earlier one.

    Raises `ConfigurationError` if it is damaged, or has a schema that this version does not know.
    """
    with _opened(path) as connection:
        [check] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if check != "ok":
            raise ConfigurationError(f"{path} is damaged ({check}): use another backup.")
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if version is None or version[0] not in known_versions():
            raise ConfigurationError(f"{path} was written by another version of the connector: install that one.")
        return Content(tuple(sorted(_key_ids(connection))), _changed_at(connection))


def is_in_use(database: Path) -> bool:
    """Whether another connection to the database is open."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


def _is_sound(database: Path) -> bool:
    """Whether SQLite can read a file at all; an empty one is an empty database."""
    with closing(sqlite3.connect(database, timeout=BUSY)) as connection:
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing database."""
    if not path.is_file():
        raise ConfigurationError(f"There is no file {path}: check its name.")
    try:
        with closing(sqlite3.connect(path, timeout=BUSY)) as connection:
            connection.execute("SELECT version_num FROM alembic_version")
            yield connection
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path} cannot be read as a database of the connector: {error}.") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Name the file that is written in the error of a full disk, for example, not the one that is read."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ConfigurationError(f"{path} cannot be written: {error}. Check its disk; nothing was changed.") from error


@contextmanager
def _without_sign_ins(backup: Path, database: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup, or a copy beside the database if it has sign-ins, as those of earlier versions do.

    They are deleted before the database is written: a crash in between would leave them valid.
    """
    with _opened(backup) as source:
        if not any(source.execute(f"SELECT 1 FROM {each} LIMIT 1").fetchone() for each in _sign_ins(source)):  # noqa: S608
            yield source
            return
        with draft_beside(database) as draft, closing(sqlite3.connect(draft, timeout=BUSY)) as copy:
            with _writing(database):
                _copy_without_sign_ins(source, copy)
            yield copy


def _copy_without_sign_ins(source: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Copy a database without the sessions and one-time links of the console, and without the requests, codes and
    tokens of OpenID clients.
    """
    source.backup(copy)
    copy.execute("PRAGMA journal_mode=DELETE")  # one file, without companion files
    copy.execute("PRAGMA secure_delete=ON")  # the file has access tokens no longer, not even unused
    with copy:
        for table in _sign_ins(copy):
            copy.execute(f"DELETE FROM {table}")  # noqa: S608  our own names


def _sign_ins(connection: sqlite3.Connection) -> list[str]:
    return [table for table in SIGN_INS if _has_column(connection, table, "tenant")]


def _key_ids(connection: sqlite3.Connection) -> set[str]:
    key_ids: set[str] = set()
    for each in sealed_columns():
        name, table = each.column.name, each.column.table.name
        if _has_column(connection, table, name):
            query = f"SELECT DISTINCT substr({name}, 4, 8) FROM {table} WHERE {name} IS NOT NULL"  # noqa: S608  our own names
            key_ids.update(key_id for (key_id,) in connection.execute(query))
    return key_ids


def _changed_at(connection: sqlite3.Connection) -> str | None:
    known = [each for each in _LATEST if _has_column(connection, *each)]
    times = (connection.execute(f"SELECT max({name}) FROM {table}").fetchone()[0] for table, name in known)  # noqa: S608
    latest = max(filter(None, times), default=None)
    return None if latest is None else f"{latest[:10]}T{latest[11:19]}Z"


def _has_column(connection: sqlite3.Connection, table: str, name: str) -> bool:
    """Whether the database's schema, which may be an earlier version's, has a column."""
    query = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?"
    return connection.execute(query, (table, name)).fetchone() is not None
