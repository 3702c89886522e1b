"""Pacing of calls to Onfido: its rate limit, and a circuit breaker for its outages.

    RateLimit   one per account   a bucket of calls that fills at a steady rate; Onfido's `Retry-After` empties it
    Circuit     one per host      closed ──failures in a row──► open ──pause is over──► one call probes
                                     ▲                           ▲                          │
                                     └───────────answer──────────┼──────────────────────────┤
                                                                 └──twice the pause─failure─┘

All threads share them. Their locks are never held while a thread sleeps or waits for Onfido.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from connector.domain.frozen import frozen
from connector.errors import Code, OnfidoError

BURST_SHARE = 0.1  # the part of a minute's calls that may be sent at once
RESERVE_SHARE = 0.25  # the part of those that is reserved for interactive calls
LONGEST_RETRY_AFTER = 300  # seconds; longer pauses that Onfido requests are reduced to this

FIRST_PAUSE = 10.0  # seconds; doubles with each probe that fails
LONGEST_PAUSE = 60.0
PROBE_LEASE = 120.0  # seconds after which a probe without a result counts as abandoned

MOST_KEPT = 1000  # accounts, and hosts

T = TypeVar("T")


class HeldBackError(OnfidoError):
    """The call was not sent; `retry_after` says when the next one may be."""

    def __init__(self, code: Code, why: str, seconds: float) -> None:
        retry_after = max(1, math.ceil(seconds))
        super().__init__(code, f"{why}: ask again in {retry_after} seconds.", retry_after=retry_after, is_sent=False)


def limit_reached(seconds: float) -> HeldBackError:
    """Return the error for a call whose turn would come too late."""
    return HeldBackError(Code.ONFIDO_THROTTLES, "Onfido's limit of calls is reached", seconds)


def pause(seconds: float) -> None:
    """Sleep, but not for no time, which is the usual wait: that would still switch threads."""
    if seconds > 0:
        time.sleep(seconds)


class Queue:
    """Limits the threads that wait for a turn, of all accounts, because waiting threads do no other work."""

    def __init__(self, most: int | None = None) -> None:
        self._places = threading.BoundedSemaphore(most) if most else None

    def enter(self) -> bool:
        """Occupy a place; return False if there is none."""
        return self._places is None or self._places.acquire(blocking=False)

    def leave(self) -> None:
        """Release the place."""
        if self._places is not None:
            self._places.release()


@frozen
class Pace:
    """The rate at which a bucket fills, and how far ahead of it calls may be sent; in seconds."""

    interval: float
    leeway: float  # a call may be sent when the bucket is full within this time
    background_leeway: float

    @classmethod
    def of(cls, per_minute: float) -> Pace:
        """Return the pace for a number of calls per minute."""
        burst = max(1.0, per_minute * BURST_SHARE)
        reserve = min(burst * RESERVE_SHARE, burst - 1)  # a bucket of one call has no reserve
        interval = 60 / per_minute
        return cls(interval, (burst - 1) * interval, (burst - 1 - reserve) * interval)

    def leeway_of(self, *, is_background: bool) -> float:
        """Return the leeway of a call."""
        return self.background_leeway if is_background else self.leeway


class RateLimit:
    """The rate limit of one account's calls: `per_minute`, with bursts of a tenth of them.

    The bucket is represented by the time at which it will be full again, which each call postpones by the interval of
    one call. Interactive calls reserve ahead, in order of arrival. Background calls only use what exceeds the reserve,
    so they are sent when no interactive call waits.
    """

    def __init__(
        self,
        per_minute: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        queue: Queue | None = None,
    ) -> None:
        self._pace = Pace.of(per_minute)
        self._full_at = self._held_until = -math.inf
        self._clock = clock
        self._sleep = sleep
        self._queue = queue or Queue()
        self._lock = threading.Lock()

    def wait_for_turn(self, patience: float, *, is_background: bool = False) -> None:
        """Wait until a call may be sent; raises `HeldBackError` at once if that takes longer than `patience` seconds.

        An interactive call that finds the queue full is held back as well.
        """
        until = self._clock() + patience
        is_our_turn = False
        while not is_our_turn:
            turn, is_booked, is_queued = self._book(until, is_background=is_background)
            self._sleep(max(0.0, turn - self._clock()))
            if is_queued:
                self._queue.leave()
            is_our_turn = is_booked and turn >= self._held_until  # Onfido may have requested a pause meanwhile

    @property
    def is_held(self) -> bool:
        """Whether Onfido has requested a pause that is not over, from this process."""
        return self._clock() < self._held_until

    def hold(self, seconds: float) -> None:
        """Send nothing for some seconds, then continue with an empty bucket."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + min(seconds, LONGEST_RETRY_AFTER))
            self._full_at = max(self._full_at, self._held_until + self._pace.leeway)

    def _book(self, until: float, *, is_background: bool) -> tuple[float, bool, bool]:
        """Return the next turn, whether the caller gets it, and whether the caller waits for it in the queue.

        A background call has to retry at that time.
        """
        with self._lock:
            now = self._clock()
            turn = max(now, self._full_at - self._pace.leeway_of(is_background=is_background))
            is_queued = turn > now and not is_background
            if turn > max(now, until) or (is_queued and not self._queue.enter()):
                raise limit_reached(turn - now)
            is_booked = turn <= now or not is_background
            if is_booked:
                self._full_at = max(turn, self._full_at) + self._pace.interval
            return turn, is_booked, is_queued


class Circuit:
    """A circuit breaker for one host: it opens after consecutive failures, then one call at a time probes the host.

    Every call that `enter` admits must `leave`, whatever its result.
    """

    def __init__(self, failures_to_open: int, *, clock: Callable[[], float]) -> None:
        self._failures_to_open = failures_to_open
        self._failures = 0  # in a row, while closed
        self._pause = 0.0  # 0 while closed
        self._next_probe_at = 0.0  # when the next probe may enter; while one is in progress, the end of its lease
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether the host gets no calls except a probe."""
        return self._pause > 0

    def check(self) -> None:
        """Raise `HeldBackError` while no call may enter."""
        with self._lock:
            self._check()

    def enter(self) -> float | None:
        """Admit a call or raise `HeldBackError`; a probe gets a lease, which identifies it when it leaves."""
        with self._lock:
            self._check()
            if not self._pause:
                return None
            self._next_probe_at = self._clock() + PROBE_LEASE
            return self._next_probe_at

    def leave(self, lease: float | None, *, is_alive: bool | None) -> None:
        """Record the result of a call for the host; None if it shows nothing, and the next call has to probe.

        While the circuit is open, only the probe's failure counts: all other calls were sent before.
        """
        with self._lock:
            if is_alive:
                self._failures, self._pause = 0, 0.0
            elif not self._pause:
                self._failures += is_alive is False
                if self._failures >= self._failures_to_open:
                    self._open(FIRST_PAUSE)
            elif lease == self._next_probe_at:
                self._open(0.0 if is_alive is None else min(self._pause * 2, LONGEST_PAUSE))

    def _check(self) -> None:
        left = self._next_probe_at - self._clock()
        if self._pause and left > 0:
            raise HeldBackError(
                Code.ONFIDO_UNREACHABLE, "Onfido failed to answer several times in a row", min(left, self._pause)
            )

    def _open(self, pause: float) -> None:
        self._failures = 0
        self._pause = pause or self._pause
        self._next_probe_at = self._clock() + pause


class Recent(Generic[T]):
    """One object for each key, created on first use; the least recently used is dropped if there are too many."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._kept: dict[Hashable, T] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T:
        """Return the key's own object."""
        with self._lock:
            value = self._kept.pop(key) if key in self._kept else self._make()
            self._kept[key] = value  # the dictionary is ordered by use
            if len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            return value
