"""The calls that accounts at Onfido may still send, booked in the database by all processes.

An account is its host and its credentials, whichever tenants' providers use it; here it has a keyed digest, so that the
table shows nothing of them. Each booking is a transaction of its own, of one round trip.
"""

from __future__ import annotations

import structlog

from connector.errors import DatabaseUnavailable
from connector.onfido.budget import Turn
from connector.onfido.pacing import LONGEST_RETRY_AFTER, Pace
from connector.store import budgets
from connector.store.engine import Database
from connector.store.vault import Fingerprints

log = structlog.get_logger(__name__)

LONGEST_LOCK = 2.0  # seconds that a call waits for others that are booking
SHORTEST_LOCK = 0.1
AHEAD = 60.0  # seconds that calls book their turns ahead, at the most


class AccountBudgets:
    """Books turns in the database; where that does not answer, callers go on without."""

    def __init__(self, database: Database, fingerprints: Fingerprints) -> None:
        self._database = database
        self._fingerprints = fingerprints

    def book(self, account: str, pace: Pace, patience: float, *, is_background: bool) -> Turn | None:
        """Book the next turn of an account, if it is within `patience` seconds; None without the database."""
        lock_patience = min(max(patience, SHORTEST_LOCK), LONGEST_LOCK)
        leeway = pace.leeway_of(is_background=is_background)
        try:
            with self._database.write(patience=lock_patience) as connection:
                booked = budgets.book(
                    connection,
                    self._digest(account),
                    interval=pace.interval,
                    leeway=leeway,
                    farthest=_farthest(pace, patience),
                    patience=patience,
                    lock_patience=lock_patience,
                )
            row = booked.one_or_none()
        except DatabaseUnavailable as error:
            _log(error)
            return None
        return Turn(row.wait, row.is_booked)

    def held(self, account: str) -> float | None:
        """Return for how many seconds Onfido wants no calls; None without the database."""
        farthest = LONGEST_RETRY_AFTER + AHEAD
        try:
            with self._database.read() as connection:
                held = budgets.find_held(connection, self._digest(account), farthest=farthest).scalar()
        except DatabaseUnavailable as error:
            _log(error)
            return None
        return float(held or 0)

    def hold(self, account: str, pace: Pace, seconds: float) -> None:
        """Hold all calls of an account for some seconds."""
        held = min(seconds, LONGEST_RETRY_AFTER)
        try:
            with self._database.write(patience=LONGEST_LOCK) as connection:
                digest, farthest = self._digest(account), _farthest(pace)
                budgets.hold(connection, digest, seconds=held, leeway=pace.leeway, farthest=farthest)
        except DatabaseUnavailable as error:
            _log(error)

    def _digest(self, account: str) -> str:
        return self._fingerprints.of("", "", "onfido account", account)


def _farthest(pace: Pace, patience: float = 0.0) -> float:
    """Return how far ahead a bucket can be empty: a pause that Onfido asked for, and calls that wait behind it."""
    return LONGEST_RETRY_AFTER + max(AHEAD, patience) + pace.leeway + 2 * pace.interval


def _log(error: DatabaseUnavailable) -> None:
    log.warning("onfido.budget_unavailable", reason=error.reason, advice="Each process keeps to the limit by itself.")
