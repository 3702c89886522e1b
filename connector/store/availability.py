"""Distinguishes an unavailable database from a wrong statement.

The former is resolved without a change of the code, and the same request may then be repeated; the latter is a bug.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError, TimeoutError  # noqa: A004  the pool's

from connector.errors import DatabaseUnavailable

# PostgreSQL's classes of errors: connection, resources (a full disk among them), operator intervention (shutdown,
# time-outs), the system's; then read-only transactions, locks, deadlocks, missing rights, no such database, no access.
# A prepared statement that is missing or exists already is a pooler's, and not prepared the next time (`pipeline.py`).
_POSTGRESQL = ("08", "26", "53", "57", "58", "25006", "28", "3D", "40", "42501", "42P05", "55", "XX001", "XX002")
_STATELESS = ("OperationalError", "InterfaceError")  # errors of connections, with those derived from them: time-outs
_PRIMARY = 0xFF  # of SQLite's extended codes
LEAST_SPACE = 4 * 1024 * 1024  # bytes; with less on the embedded database's disk, the next writes fail


class Unavailable(DatabaseUnavailable, SQLAlchemyError):  # noqa: N818
    """`DatabaseUnavailable` that handlers of SQLAlchemy errors catch as well."""


@contextmanager
def distinguished_errors() -> Iterator[None]:
    """Raise `Unavailable` for errors that mean an unavailable database; others are not changed."""
    try:
        yield
    except SQLAlchemyError as error:
        if is_unavailable(error):
            raise Unavailable(driver_words(error), is_reached=_is_reached(error)) from error
        raise


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Return whether the database could not be reached, or temporarily could not execute a statement."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _is_unavailable(error.orig)
    return isinstance(error, DisconnectionError | TimeoutError)


def _is_reached(error: SQLAlchemyError) -> bool:
    """Return whether the database itself refused: only then PostgreSQL's errors have a state."""
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    return type(error.orig).__module__ == "sqlite3" or getattr(error.orig, "sqlstate", None) is not None


def driver_words(error: Exception) -> str:
    """Return the driver's message as one line: it names hosts and files, but no value of a statement."""
    words = str(getattr(error, "orig", None) or error)
    return " ".join(words.split()) or type(error).__name__


def check_space(path: Path) -> None:
    """Raise `DatabaseUnavailable` if the disk of an embedded database is almost full."""
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < LEAST_SPACE:
        raise Unavailable(f"less than {LEAST_SPACE} bytes are free on the disk of {path}")


def identity(path: Path) -> tuple[int, int] | None:
    """Return an identity of a file that differs from a later replacement's; None if there is no file."""
    try:
        entry = path.stat()
    except OSError:
        return None
    return entry.st_dev, entry.st_ino


def check_in_place(path: Path, opened: tuple[int, int] | None) -> None:
    """Raise `DatabaseUnavailable` if `path` is no longer the open file, because writes would be lost."""
    if identity(path) != opened:
        raise Unavailable(f"{path} was removed, moved or replaced while it was open; put it back, or restart")


def _is_unavailable(error: BaseException | None) -> bool:
    if type(error).__module__ == "sqlite3":
        return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _sqlite_codes()
    state = getattr(error, "sqlstate", None)
    return state.startswith(_POSTGRESQL) if state else any(each.__name__ in _STATELESS for each in type(error).__mro__)


@cache
def _sqlite_codes() -> frozenset[int]:
    import sqlite3  # noqa: PLC0415  it takes memory, and PostgreSQL's processes do without

    return frozenset(
        {
            *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM),
            *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL),
            *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB),
        }
    )
