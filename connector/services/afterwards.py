"""What a failed transaction has left to do, done as soon as the database answers again.

A request whose database is away can give nothing back: not the lease that it holds, not the applicant that it could
not record. It leaves that here, and a thread of its own tries until it succeeds. What is left when the process ends, or
after `PATIENCE`, is given up: a lease expires by itself, and all else is in the log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger(__name__)

PAUSE = 0.2  # seconds between two tries
PATIENCE = 3600.0  # seconds
MOST = 10_000  # that are left at once


@dataclass(frozen=True)
class _Left:
    what: str
    ids: dict[str, str]
    work: Callable[[], None]
    since: float = field(default_factory=time.monotonic)


class Afterwards:
    """Does what is left, in its order; of any number of threads that leave something, none waits."""

    def __init__(self, patience: float = PATIENCE, most: int = MOST) -> None:
        self._patience = patience
        self._most = most
        self._left: deque[_Left] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def leave(self, what: str, work: Callable[[], None], **ids: str) -> None:
        """Leave work to be done, which can be done twice; `what` and the ids are for the log."""
        left = _Left(what, ids, work)
        with self._lock:
            if len(self._left) >= self._most or self._stopping.is_set():
                _give_up(left)
                return
            self._left.append(left)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="afterwards", daemon=True)
                self._thread.start()

    def do(self, what: str, work: Callable[[], None], **ids: str) -> None:
        """Do work, and leave it where the database does not answer."""
        try:
            work()
        except SQLAlchemyError:
            self.leave(what, work, **ids)

    def close(self) -> None:
        """Stop; what is left is given up."""
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
        """Return what comes next; None where nothing is left to this thread."""
        with self._lock:
            if self._stopping.is_set():
                for left in self._left:
                    _give_up(left)
                self._left.clear()
            if not self._left:
                self._thread = None
                return None
            return self._left[0]

    def _is_done(self, left: _Left) -> bool:
        """Try once; False where the database still does not answer."""
        try:
            left.work()
        except SQLAlchemyError:
            if time.monotonic() - left.since < self._patience:
                return False
            _give_up(left)
        except Exception:
            log.exception("afterwards.failed", what=left.what, **left.ids)
        return True


def _give_up(left: _Left) -> None:
    log.warning("afterwards.given_up", what=left.what, **left.ids)
