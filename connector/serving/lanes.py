"""Threads that answer requests, and the order in which they take them: callers take turns.

A caller with a hundred requests waiting delays the others by one of them, not by a hundred.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from queue import SimpleQueue

import structlog

log = structlog.get_logger(__name__)

Work = Callable[[], object]


class Lane:
    """Some threads with one queue for each caller; they end with the process, whatever they are at."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: dict[Hashable, deque[Work]] = {}  # callers in the order of their turns
        self._lock = threading.RLock()  # a signal may close the lane while the same thread puts work into it
        self._is_closed = False
        self._turns: SimpleQueue[bool] = SimpleQueue()  # one True for each work that waits, False for the end
        self._threads = threads
        for number in range(threads):
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def put(self, caller: Hashable, work: Work) -> None:
        """Queue some work for a thread to do when it is the caller's turn."""
        with self._lock:
            if not self._is_closed:
                self._waiting.setdefault(caller, deque()).append(work)
                self._turns.put(True)

    def close(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
        for _ in range(self._threads):
            self._turns.put(False)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # the border: a thread that dies answers nobody any more
                log.exception("request.failed")

    def _next(self) -> Work | None:
        while self._turns.get():
            with self._lock:
                if not self._waiting:
                    continue  # it was closed meanwhile
                caller = next(iter(self._waiting))
                queue = self._waiting.pop(caller)
                work = queue.popleft()
                if queue:
                    self._waiting[caller] = queue  # behind the others
                return work
        return None
