"""Limits on slow or unreachable directories: the seconds of a request, and the threads of a process.

a request ──► a place free? ──► circuit closed? ──► its calls, all within one budget
                └─ no ──► 503     └─ no ──► 503 until a probe is due
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from connector.directory.failures import unreachable
from connector.domain.messages import message
from connector.errors import DirectoryError

FAILURES = 3  # consecutive failures after which the circuit opens
FIRST_PAUSE = 2.0  # seconds, doubled with every failed probe
LONGEST_PAUSE = 30.0


class Budget:
    """The remaining seconds for all of a request's calls to a directory."""

    def __init__(self, host: str, seconds: float) -> None:
        self._host = host
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the remaining seconds; raises `DirectoryError` if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise unreachable(self._host, message("no answer in time"))
        return left


class Limits:
    """Admits requests to one directory: at most `places` at once, each with `seconds`, none while it is unreachable.

    `shared` are the places that all directories share.
    """

    def __init__(
        self,
        host: str,
        *,
        seconds: float,
        places: int,
        shared: threading.BoundedSemaphore | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._seconds = seconds
        self._places = [threading.BoundedSemaphore(places), *([shared] if shared else [])]
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0.0

    @contextmanager
    def admitted(self, at_most: float = math.inf) -> Iterator[Budget]:
        """Admit a request for the block; raises `DirectoryError` if it has to be retried later.

        `at_most` limits it, in seconds.
        """
        self._check_open()
        with ExitStack() as held:
            for places in self._places:
                if not places.acquire(blocking=False):
                    raise unreachable(self._host, message("too many requests wait for it"), retry_after=1)
                held.callback(places.release)
            with self._noted():
                yield Budget(self._host, min(self._seconds, at_most))

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except DirectoryError as error:
            self._note(is_unavailable=error.is_retryable)
            raise
        self._note(is_unavailable=False)

    def _check_open(self) -> None:
        """Raise while the circuit is open; then one request at a time probes the directory."""
        with self._lock:
            wait = self._closed_until - self._monotonic()
            if self._failures < FAILURES:
                return
            if wait > 0:
                raise unreachable(self._host, message("it failed a moment ago"), retry_after=math.ceil(wait))
            self._closed_until = self._monotonic() + self._seconds  # the others wait for the result of this probe

    def _note(self, *, is_unavailable: bool) -> None:
        with self._lock:
            self._failures = self._failures + 1 if is_unavailable else 0
            if self._failures >= FAILURES:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - FAILURES, 10))
                self._closed_until = self._monotonic() + pause
