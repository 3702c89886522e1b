"""The rate limit of an account that several processes share: they book their turns in one place, the database.

    call ──► book ──► its turn is now ────────────────────────► send
               │ └──► later, within its patience ──► sleep ──► has Onfido asked for a pause meanwhile? ──► no ──► send
               └────► too late: HeldBackError                    └──► yes: book again

Interactive calls book their turns ahead, in order of arrival. Background calls are sent only while the bucket holds
more than the reserve, so that interactive calls of all processes go first. Where the database does not answer, each
process keeps to the limit by itself, until it answers again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from connector.onfido.pacing import Pace, Queue, RateLimit, limit_reached


@dataclass(frozen=True)
class Turn:
    """The next turn of an account: in how many seconds, and whether it is the caller's own."""

    wait: float
    is_booked: bool


class Budget(Protocol):
    """Where turns are booked; each method returns None if that cannot be reached."""

    def book(self, account: str, pace: Pace, patience: float, *, is_background: bool) -> Turn | None:
        """Book the next turn, if it is within `patience` seconds; background calls book only what is due at once."""
        ...

    def held(self, account: str) -> float | None:
        """Return for how many seconds Onfido wants no calls; 0 or less where it takes them."""
        ...

    def hold(self, account: str, pace: Pace, seconds: float) -> None:
        """Hold all calls for some seconds."""
        ...


def account_of(url: str, account: str) -> str:
    """Return the name of an account: its host, and a digest of its credentials' name."""
    return f"{urlsplit(url).netloc.lower()} {hashlib.sha256(account.encode()).hexdigest()}"


class SharedLimit:
    """The rate limit of one account, shared with other processes; `alone` is that of this process by itself."""

    def __init__(
        self,
        budget: Budget,
        account: str,
        pace: Pace,
        alone: RateLimit,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        queue: Queue,
    ) -> None:
        self._budget = budget
        self._account = account
        self._pace = pace
        self._alone = alone
        self._clock = clock
        self._sleep = sleep
        self._queue = queue

    def wait_for_turn(self, patience: float, *, is_background: bool = False) -> None:
        """Wait until a call may be sent; raises `HeldBackError` as soon as that is later than in `patience` seconds.

        An interactive call that would wait, and finds the queue full, is held back as well.
        """
        until = self._clock() + patience
        has_turn: bool | None = False
        while has_turn is False:
            has_turn = self._take(until) if is_background else self._take_in_queue(until)
        if has_turn is None:
            self._alone.wait_for_turn(self._left(until), is_background=is_background)

    def hold(self, seconds: float) -> None:
        """Send nothing for some seconds, then go on with an empty bucket; this holds for all processes."""
        self._alone.hold(seconds)
        self._budget.hold(self._account, self._pace, seconds)

    def _take(self, until: float) -> bool | None:
        """Book a background call; False if it has to ask again, None if there is no answer."""
        turn = self._budget.book(self._account, self._pace, 0.0, is_background=True)
        if turn is None or turn.is_booked:
            return None if turn is None else True
        self._wait(turn, until)
        return False

    def _take_in_queue(self, until: float) -> bool | None:
        """Book an interactive call, which keeps its turn and waits for it in the queue."""
        is_queued = self._queue.enter()
        try:
            patience = self._left(until) if is_queued else 0.0
            turn = self._budget.book(self._account, self._pace, patience, is_background=False)
            if turn is None:
                return None
            if not turn.is_booked:
                raise limit_reached(turn.wait)
            self._wait(turn, until)
        finally:
            if is_queued:
                self._queue.leave()
        return turn.wait <= 0 or not self._is_held()

    def _wait(self, turn: Turn, until: float) -> None:
        """Sleep until a turn; raises `HeldBackError` if that is too late, also because the database was slow."""
        if turn.wait > max(0.0, self._left(until)):
            raise limit_reached(turn.wait)
        self._sleep(max(0.0, turn.wait))

    def _is_held(self) -> bool:
        held = self._budget.held(self._account)
        return held is not None and held > 0

    def _left(self, until: float) -> float:
        return max(0.0, until - self._clock())
