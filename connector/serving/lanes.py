"""Threads that answer requests, and their scheduling: callers take turns.

A caller with a hundred queued requests delays the others by one of them, not by a hundred.
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
    """Some threads with one queue for each caller; daemon threads, which end with the process."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: dict[Hashable, deque[Work]] = {}  # callers in the order of their turns
        self._lock = threading.RLock()  # a signal may close the lane while the same thread queues work
        self._is_closed = False
        self._turns: SimpleQueue[bool] = SimpleQueue()  # one True for each queued work, False for the end
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
        """Start no more work."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
        for _ in range(self._threads):
            self._turns.put(False)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # the outermost handler: a thread that dies would answer no more requests
                log.exception("request.failed")

    def _next(self) -> Work | None:
        while self._turns.get():
            with self._lock:
                if not self._waiting:
                    continue  # the lane was closed meanwhile
                caller = next(iter(self._waiting))
                queue = self._waiting.pop(caller)
                work = queue.popleft()
                if queue:
                    self._waiting[caller] = queue  # at the end of the order
                return work
        return None
