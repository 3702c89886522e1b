"""Two concurrent calls on PostgreSQL, of which one waits for the other's locks.

One call is held within its transaction, with its locks, until the other one waits for it. To make two calls collide, a
third transaction locks a row for which both wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, text

from connector.store.engine import Database
from tests.listening import listening

PATIENCE = 60
RUN_LOCKED = ("FROM verifications", "verifications.run_id = ", "FOR UPDATE")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class _Point:
    """The point at which a transaction is held, with its locks."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.reached, self.left = threading.Event(), threading.Event()
        self._parts = parts

    def note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not self.reached.is_set() and all(part in statement for part in self._parts):
            self.reached.set()
            self.left.wait(PATIENCE)


@contextmanager
def held(*parts: str) -> Iterator[_Point]:
    """Hold the first transaction right after a statement with these parts, until the end of the block."""
    point = _Point(parts)
    with listening((Engine, "after_cursor_execute", point.note)):
        try:
            yield point
        finally:
            point.left.set()


def wait_for_waiting(database: Database, number: int, last: Future[Any]) -> None:
    """Wait until this number of transactions wait for locks, or the last call has ended without waiting."""
    end = time.monotonic() + PATIENCE
    while not last.done():
        with database.read() as connection:
            if connection.execute(text(WAITING)).scalar_one() >= number:
                return
        assert time.monotonic() < end, "neither waited nor done"
        time.sleep(0.02)


def collide(
    database: Database, first: Callable[[], Any], point: tuple[str, ...], second: Callable[[], Any]
) -> tuple[Any, Any]:
    """Hold the first call in its transaction until the second waits for it; return both results."""
    with held(*point) as at, ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert at.reached.wait(PATIENCE), one.result(0)
        other = pool.submit(second)
        wait_for_waiting(database, 1, other)
        at.left.set()
        return one.result(PATIENCE), other.result(PATIENCE)


def collide_behind(
    database: Database, lock: str, row: Mapping[str, str], first: Callable[[], Any], second: Callable[[], Any]
) -> tuple[Any, Any]:
    """Make both calls wait, one after the other, for a row that a third transaction has locked; return both results."""
    with ThreadPoolExecutor(2) as pool:
        with database.write() as connection:
            connection.execute(text(lock), row)
            one = pool.submit(first)
            wait_for_waiting(database, 1, one)
            other = pool.submit(second)
            wait_for_waiting(database, 2, other)
        return one.result(PATIENCE), other.result(PATIENCE)
