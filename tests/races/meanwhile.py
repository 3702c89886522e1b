"""An action at a chosen point of a request, so that a race happens every time.

    with meanwhile("SELECT user_attributes", change):
        request ─► reads values ─► its transaction ends ─► change() from start to end ─► the request goes on

It listens to SQLAlchemy's own events. The request waits only once its connection was given back: it holds no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import Pool

from tests.listening import listening

VALUES_READ = "SELECT user_attributes"
APPLICANT_LOOKED_FOR = "verifications.applicant_id IS NOT NULL"

PATIENCE = 60  # seconds


@contextmanager
def meanwhile(
    statement: str, action: Callable[[], object], *, occurrence: int = 1, every: bool = False
) -> Iterator[None]:
    """Run `action` after the n-th transaction with such a statement, or after every one; fail if there is none."""
    with ThreadPoolExecutor(1) as pool:
        point = _Point(statement, occurrence, lambda: pool.submit(action), every=every)
        with listening((Engine, "after_cursor_execute", point.note), (Pool, "checkin", point.hold)):
            yield
    assert point.done, f"no transaction with {statement!r} ended"
    for future in point.done:
        future.result()


class _Point:
    """The point at which a request waits; calls of the action itself pass."""

    def __init__(self, statement: str, occurrence: int, begin: Callable[[], Future[object]], *, every: bool) -> None:
        self.done: list[Future[object]] = []
        self._statement = statement
        self._left = occurrence
        self._begin = begin
        self._every = every
        self._due: int | None = None
        self._is_acting = False
        self._writers: set[int] = set()  # threads that have SQLite's only turn to write until their transaction ended

    def note(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if connection.dialect.name == "sqlite" and statement.startswith(("INSERT", "UPDATE", "DELETE")):
            self._writers.add(threading.get_ident())
        if self._statement in statement and not self._is_acting:
            self._left -= 1
            if self._left == 0 or self._every:
                self._due = threading.get_ident()

    def hold(self, *_: Any) -> None:
        has_turn = threading.get_ident() in self._writers
        self._writers.discard(threading.get_ident())
        if self._due == threading.get_ident() and not self._is_acting:
            self._due, self._is_acting = None, True
            self.done.append(self._begin())
            if not has_turn:  # else the action begins to write only after this
                wait(self.done[-1:], PATIENCE)
            self._is_acting = False
