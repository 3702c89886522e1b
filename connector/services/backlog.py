"""The backlog in the database, for the metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from connector.metrics.exposition import Backlog
from connector.services.use_case import use_case
from connector.store import backlog, delivery_counts
from connector.store.engine import Database


@use_case
class BacklogReader:
    """Reads the backlog."""

    _database: Database
    _clock: Callable[[], datetime]

    def read(self) -> Backlog:
        """Return the backlog."""
        with self._database.read() as connection:
            oldest_due, check = backlog.read(connection)
            rows = delivery_counts.count(connection)
        lag = 0.0 if check is None else max(0.0, (self._clock() - check).total_seconds())
        return Backlog(rows, oldest_due, lag)
