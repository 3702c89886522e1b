"""Whether the database answers, has a schema that this version can use, and accepts writes."""

from __future__ import annotations

import threading
import time

import structlog

from connector.errors import DatabaseUnavailable
from connector.store.engine import TOO_NEW, Database
from connector.store.schema import Fit

log = structlog.get_logger(__name__)

WRITE_EVERY = 1.0  # seconds; requests in between get the result of the last write


class Health:
    """Checks a database on request, and writes to it at most once in `WRITE_EVERY`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._tried_at = float("-inf")
        self._write_problem: str | None = None

    def problem(self) -> str | None:
        """Return the problem, or None; the driver's message is only logged."""
        try:
            fit = self._database.fit()
            if fit is Fit.BEHIND:
                return "The database is not migrated: run `connector migrate`."
            if fit is Fit.AHEAD:
                return TOO_NEW
        except DatabaseUnavailable as error:
            log.warning("database.unavailable", reason=error.reason)
            return "The database cannot be reached."
        if self._lock.acquire(blocking=False):
            try:
                self._try_to_write()
            finally:
                self._lock.release()
        return self._write_problem

    def _try_to_write(self) -> None:
        if time.monotonic() - self._tried_at < WRITE_EVERY:
            return
        try:
            self._database.check_writable()
            self._write_problem = None
        except DatabaseUnavailable as error:
            log.warning("database.unavailable", reason=error.reason)
            self._write_problem = "The database accepts no writes."
        finally:
            self._tried_at = time.monotonic()
