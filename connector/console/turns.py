"""The limit on sign-ins, by rate and by concurrency: a sign-in occupies a thread while it calls the issuer."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.domain.messages import message
from connector.errors import TooManyRequests

MOST = 30  # within the window, from one address
WINDOW = 60.0  # seconds
MOST_ADDRESSES = 10_000


class SignInTurns:
    """The sign-ins of this process."""

    def __init__(self, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._turns = threading.BoundedSemaphore(at_once)
        self._clock = clock
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when the window began, how many in it

    def count(self, address: str) -> None:
        """Count a try; raise `TooManyRequests` if the address has used all of its tries."""
        now = self._clock()
        with self._lock:
            began, number = self._tries.pop(address, (now, 0))
            if now - began >= WINDOW:
                began, number = now, 0
            self._tries[address] = began, number + 1
            while len(self._tries) > MOST_ADDRESSES:
                self._tries.popitem(last=False)
        if number >= MOST:
            raise TooManyRequests(message("Too many sign-ins from your address: try again in a minute."), int(WINDOW))

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a permit to call the issuer; raises `TooManyRequests` if all are taken."""
        if not self._turns.acquire(blocking=False):
            raise TooManyRequests(message("Many people are signing in right now: try again in a few seconds."), 5)
        try:
            yield
        finally:
            self._turns.release()
