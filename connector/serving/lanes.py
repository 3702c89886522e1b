"""Threads that answer requests, and the order in which they take them: callers take turns.

A caller with a hundred requests waiting delays the others by one of them, not by a hundred.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable

import structlog

log = structlog.get_logger(__name__)

Work = Callable[[], object]


class Lane:
    """Some threads with one queue for each caller; they end with the process, whatever they are at."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: dict[Hashable, deque[Work]] = {}  # callers in the order of their turns
        self._changed = threading.Condition()
        self._is_closed = False
        for number in range(threads):
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def put(self, caller: Hashable, work: Work) -> None:
        """Queue some work for a thread to do when it is the caller's turn."""
        with self._changed:
            self._waiting.setdefault(caller, deque()).append(work)
            self._changed.notify()

    def close(self) -> None:
        """Begin nothing more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # the border: a thread that dies answers nobody any more
                log.exception("request.failed")

    def _next(self) -> Work | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            caller = next(iter(self._waiting))
            queue = self._waiting.pop(caller)
            work = queue.popleft()
            if queue:
                self._waiting[caller] = queue  # behind the others
            return work
