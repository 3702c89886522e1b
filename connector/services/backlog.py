"""The backlog in the database, for the metrics and the console."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from connector.metrics.exposition import Backlog
from connector.services.timed_check import PATIENCE, Overdue, TimedCheck
from connector.store.availability import Unavailable
from connector.store.deliveries import delivery_counts
from connector.store.engine import Database
from connector.store.statistics import backlog


class BacklogReader:
    """Reads the backlog."""

    def __init__(self, database: Database, clock: Callable[[], datetime], patience: float = PATIENCE) -> None:
        self._database = database
        self._clock = clock
        self._reading = TimedCheck(self._read, patience)

    def read(self) -> Backlog:
        """Return the backlog; raises `DatabaseUnavailable`, also if the database does not answer in time."""
        try:
            return self._reading.result()
        except Overdue:
            raise Unavailable("no answer in time") from None

    def overdue(self) -> timedelta:
        """Return how long the oldest delivery is overdue: the worker's delay."""
        with self._database.read() as connection:
            oldest_due, _check = backlog.read(connection)
        return timedelta(seconds=max(oldest_due.values()))

    def _read(self) -> Backlog:
        with self._database.read() as connection:
            oldest_due, check = backlog.read(connection)
            rows = delivery_counts.count(connection)
        lag = 0.0 if check is None else max(0.0, (self._clock() - check).total_seconds())
        return Backlog(rows, oldest_due, lag)
