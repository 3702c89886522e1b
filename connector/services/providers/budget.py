"""The rate limit of Onfido accounts, shared by all processes through the database.

An account is a host with credentials, and may be used by providers of several tenants; it is stored as a keyed digest.
Each reservation is a separate transaction of one round trip.
"""

from __future__ import annotations

import structlog

from connector.errors import DatabaseUnavailable
from connector.onfido.budget import Turn
from connector.onfido.pacing import LONGEST_RETRY_AFTER, Pace
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.providers import budgets
from connector.store.vault import Fingerprints

log = structlog.get_logger(__name__)

LONGEST_LOCK = 2.0  # seconds that a call waits for the lock of other reservations
SHORTEST_LOCK = 0.1
AHEAD = 60.0  # the longest time, in seconds, that calls reserve ahead


@use_case
class AccountBudgets:
    """Reserves calls in the database; if it does not answer, callers continue without a reservation."""

    _database: Database
    _fingerprints: Fingerprints

    def book(self, account: str, pace: Pace, patience: float, *, is_background: bool, calls: int = 1) -> Turn | None:
        """Reserve an account's next calls, if the first turn comes within `patience` seconds.

        None without the database.
        """
        lock_patience = min(max(patience, SHORTEST_LOCK), LONGEST_LOCK)
        leeway = pace.leeway_of(is_background=is_background)
        try:
            # Others see the reservation at once; if a crash of the database loses it, there is no shared limit anyway.
            with self._database.write(patience=lock_patience, waits_for_disk=False) as connection:
                booked = budgets.book(
                    connection,
                    self._digest(account),
                    interval=pace.interval * calls,
                    leeway=leeway,
                    farthest=_farthest(pace, patience, calls),
                    patience=patience,
                    lock_patience=lock_patience,
                )
            row = booked.one_or_none()
        except DatabaseUnavailable as error:
            _log(error)
            return None
        return Turn(row.wait, row.is_booked, row.full)

    def held(self, account: str) -> float | None:
        """Return for how many seconds Onfido accepts no calls; None without the database."""
        farthest = LONGEST_RETRY_AFTER + AHEAD
        try:
            with self._database.read() as connection:
                held = budgets.find_held(connection, self._digest(account), farthest=farthest).scalar()
        except DatabaseUnavailable as error:
            _log(error)
            return None
        return float(held or 0)

    def hold(self, account: str, pace: Pace, seconds: float) -> None:
        """Pause all calls of an account for some seconds."""
        held = min(seconds, LONGEST_RETRY_AFTER)
        try:
            with self._database.write(patience=LONGEST_LOCK) as connection:
                digest, farthest = self._digest(account), _farthest(pace)
                budgets.hold(connection, digest, seconds=held, leeway=pace.leeway, farthest=farthest)
        except DatabaseUnavailable as error:
            _log(error)

    def _digest(self, account: str) -> str:
        return self._fingerprints.of("", "", "onfido account", account)


def _farthest(pace: Pace, patience: float = 0.0, calls: int = 1) -> float:
    """Return how far ahead a bucket can be empty: a pause that Onfido requested, and the calls waiting behind it."""
    return LONGEST_RETRY_AFTER + max(AHEAD, patience) + pace.leeway + (calls + 1) * pace.interval


def _log(error: DatabaseUnavailable) -> None:
    log.warning("onfido.budget_unavailable", reason=error.reason, advice="Each process enforces the limit separately.")
