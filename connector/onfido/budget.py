"""The rate limit of an account that several processes share: they reserve their calls in the database.

    call ──► reserve ──► its turn is now ────────────────────────► send
               │  └──► later, within its patience ──► sleep ──► has Onfido requested a pause meanwhile? ──► no ──► send
               └────► too late: HeldBackError                       └──► yes: reserve again

Interactive calls reserve ahead, in order of arrival. A request that sends several calls reserves them together
(`Ahead`), because each reservation is a round trip to the database. Background calls are sent only while the bucket
holds more than the reserve, so that interactive calls of all processes go first. While the database does not answer,
each process enforces the limit by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from connector.domain.frozen import frozen
from connector.onfido.pacing import Pace, Queue, RateLimit, limit_reached

FRESH = 1.0  # seconds for which a turn that was reserved ahead needs no further look at the database


@frozen
class Turn:
    """The next turn of an account: in how many seconds, and whether the caller gets it.

    `full`: in how many seconds the bucket is full again; if several calls were booked, after the last of them.
    """

    wait: float
    is_booked: bool
    full: float = 0.0


class Ahead:
    """The calls of one request, which are reserved together with the first of them.

    `calls` is the number of turns of the next reservation: calls after these are reserved one by one.
    """

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self._turns: list[tuple[float, float]] = []

    def keep(self, turn: Turn, pace: Pace, now: float) -> None:
        """Keep the turns of the calls after the first one, whose reservation this is."""
        due = (turn.full - pace.leeway - back * pace.interval for back in range(self.calls - 1, 0, -1))
        self._turns = [(now, now + max(0.0, wait)) for wait in due]
        self.calls = 1

    def take(self) -> tuple[float, float] | None:
        """Return when the next call was reserved, and its turn; None if it was not reserved."""
        return self._turns.pop(0) if self._turns else None


class Budget(Protocol):
    """The shared store of reservations; each method returns None if it cannot be reached."""

    def book(self, account: str, pace: Pace, patience: float, *, is_background: bool, calls: int = 1) -> Turn | None:
        """Reserve the next turn, if it is within `patience` seconds; for background calls only a turn that is due.

        `calls`: how many turns are reserved, this one included.
        """
        ...

    def held(self, account: str) -> float | None:
        """Return for how many seconds Onfido accepts no calls; 0 or less if it accepts them."""
        ...

    def hold(self, account: str, pace: Pace, seconds: float) -> None:
        """Pause all calls for some seconds."""
        ...


def account_of(url: str, account: str) -> str:
    """Return the name of an account: its host, and a digest of its credentials' name."""
    return f"{urlsplit(url).netloc.lower()} {hashlib.sha256(account.encode()).hexdigest()}"


class SharedLimit:
    """The rate limit of one account, shared with other processes; `alone` is that of this process."""

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
        ahead: Ahead | None = None,
    ) -> None:
        self._budget = budget
        self._account = account
        self._pace = pace
        self._alone = alone
        self._clock = clock
        self._sleep = sleep
        self._queue = queue
        self._ahead = ahead or Ahead(1)

    def wait_for_turn(self, patience: float, *, is_background: bool = False) -> None:
        """Wait until a call may be sent; raises `HeldBackError` at once if that takes longer than `patience` seconds.

        An interactive call that would wait, but finds the queue full, is held back as well.
        """
        until = self._clock() + patience
        has_turn: bool | None = not is_background and self._take_reserved(until)
        while has_turn is False:
            has_turn = self._take(until) if is_background else self._take_in_queue(until)
        if has_turn is None:
            self._alone.wait_for_turn(self._left(until), is_background=is_background)

    def hold(self, seconds: float) -> None:
        """Send nothing for some seconds, then continue with an empty bucket; this applies to all processes."""
        self._alone.hold(seconds)
        self._budget.hold(self._account, self._pace, seconds)

    def _take(self, until: float) -> bool | None:
        """Reserve a background call; False if it has to retry, None without the database."""
        turn = self._budget.book(self._account, self._pace, 0.0, is_background=True)
        if turn is None or turn.is_booked:
            return None if turn is None else True
        self._wait(turn, until)
        return False

    def _take_in_queue(self, until: float) -> bool | None:
        """Reserve an interactive call, which keeps its turn and waits for it in the queue."""
        is_queued = self._queue.enter()
        try:
            patience = self._left(until) if is_queued else 0.0
            calls = self._ahead.calls
            turn = self._budget.book(self._account, self._pace, patience, is_background=False, calls=calls)
            if turn is None:
                return None
            if not turn.is_booked:
                raise limit_reached(turn.wait)
            self._ahead.keep(turn, self._pace, self._clock())
            self._wait(turn, until)
        finally:
            if is_queued:
                self._queue.leave()
        return turn.wait <= 0 or not self._is_held()

    def _take_reserved(self, until: float) -> bool:
        """Wait for a turn that was reserved ahead; False if there is none, or Onfido has requested a pause since."""
        if (reserved := self._ahead.take()) is None:
            return False
        at, due = reserved
        wait = due - self._clock()
        self._wait(Turn(wait, is_booked=True), until)
        is_fresh = wait <= 0 and self._clock() - at < FRESH
        return not (self._alone.is_held if is_fresh else self._is_held())

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
