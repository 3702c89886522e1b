"""Cleanup after a failed transaction, as soon as the database is available again.

While the database is unavailable, a request can neither release its lease nor record the applicant that it created. It
queues that work here, and a background thread retries until it succeeds. Work that is left when the process ends, or
after `PATIENCE`, is dropped: a lease expires by itself, and everything else is in the log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connector.domain.frozen import frozen

log = structlog.get_logger(__name__)

PAUSE = 0.2  # seconds between two tries
PATIENCE = 3600.0  # seconds
MOST = 10_000  # that are queued at once


@frozen
class _Left:
    what: str
    ids: dict[str, str]
    work: Callable[[], None]
    since: float = field(default_factory=time.monotonic)


class Afterwards:
    """Runs queued work in order; threads that queue work do not wait for it."""

    def __init__(self, patience: float = PATIENCE, most: int = MOST) -> None:
        self._patience = patience
        self._most = most
        self._left: deque[_Left] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def leave(self, what: str, work: Callable[[], None], **ids: str) -> None:
        """Queue work, which must be idempotent; `what` and the ids are for the log."""
        left = _Left(what, ids, work)
        with self._lock:
            if len(self._left) >= self._most or self._stopping.is_set():
                _drop(left)
                return
            self._left.append(left)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="afterwards", daemon=True)
                self._thread.start()

    def do(self, what: str, work: Callable[[], None], **ids: str) -> None:
        """Run work, and queue it if the database is unavailable."""
        try:
            work()
        except SQLAlchemyError:
            self.leave(what, work, **ids)

    def close(self) -> None:
        """Stop; queued work is dropped."""
        self._stopping.set()
        if thread := self._thread:
            thread.join()

    def _run(self) -> None:
        while (left := self._next()) is not None:
            if self._is_done(left):
                with self._lock:
                    self._left.popleft()
            else:
                self._stopping.wait(PAUSE)

    def _next(self) -> _Left | None:
        """Return the next work; None if none is left for this thread."""
        with self._lock:
            if self._stopping.is_set():
                for left in self._left:
                    _drop(left)
                self._left.clear()
            if not self._left:
                self._thread = None
                return None
            return self._left[0]

    def _is_done(self, left: _Left) -> bool:
        """Try once; False if the database is still unavailable."""
        try:
            left.work()
        except SQLAlchemyError:
            if time.monotonic() - left.since < self._patience:
                return False
            _drop(left)
        except Exception:
            log.exception("afterwards.failed", what=left.what, **left.ids)
        return True


def _drop(left: _Left) -> None:
    log.warning("afterwards.dropped", what=left.what, **left.ids)
