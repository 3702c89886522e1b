"""Databases that refuse writes, or all connections, for a while."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import make_url

from tests import databases

MEBIBYTE = 1024 * 1024


@contextmanager
def refusing_writes(url: str) -> Iterator[None]:
    """Make a database refuse writes: PostgreSQL as a standby, SQLite as on a full disk.

    PostgreSQL's connections are ended at the start and at the end: each client may notice that once.
    """
    is_sqlite = make_url(url).get_backend_name() == "sqlite"
    with _full_disk(url) if is_sqlite else _read_only(url):
        yield


@contextmanager
def standing_apart(url: str) -> Iterator[None]:
    """Refuse connections to PostgreSQL and end the open ones, as during its restart."""
    with _altered(url, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
        yield


@contextmanager
def _full_disk(url: str) -> Iterator[None]:
    """Limit the size of this process's files to that of SQLite's log: writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(sqlite3.connect(str(make_url(url).database))) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS filler (content BLOB)")
        connection.execute("INSERT INTO filler VALUES (zeroblob(?))", (2 * MEBIBYTE,))
        connection.commit()
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        connection.execute("DROP TABLE filler")


@contextmanager
def _read_only(url: str) -> Iterator[None]:
    with _altered(url, "SET default_transaction_read_only = on", "RESET default_transaction_read_only"):
        yield


@contextmanager
def _altered(url: str, change: str, undo: str) -> Iterator[None]:
    name = make_url(url).database
    server = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    # It waits until each has ended: a connection that is ending may still execute a statement without an answer.
    end_others = f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = '{name}'"
    for statement in (f'ALTER DATABASE "{name}" {change}', end_others):
        databases.execute(server, statement)
    try:
        yield
    finally:
        for statement in (f'ALTER DATABASE "{name}" {undo}', end_others):
            databases.execute(server, statement)
