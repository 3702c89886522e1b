"""Whether the database answers, has a schema that this version can use, and accepts writes.

A database that does not answer at all holds no thread of those that ask: `/healthz` shares them.
"""

from __future__ import annotations

import time
from contextlib import suppress

import structlog

from connector.errors import DatabaseUnavailable
from connector.services.timed_check import PATIENCE, Overdue, TimedCheck
from connector.store.engine import CHECK_PATIENCE, TOO_NEW, Database
from connector.store.schema import Fit

log = structlog.get_logger(__name__)

WRITE_EVERY = 1.0  # seconds; requests in between get the result of the last write
UNREACHABLE = "The database cannot be reached."
NOT_WRITABLE = "The database accepts no writes."


class Health:
    """Checks a database on request, and writes to it at most once in `WRITE_EVERY`."""

    def __init__(self, database: Database, patience: float = PATIENCE, write_patience: float = CHECK_PATIENCE) -> None:
        self._database = database
        self._write_patience = write_patience
        self._reading = TimedCheck(database.fit, patience)
        self._writing = TimedCheck(self._try_to_write, patience)
        self._tried_at = float("-inf")
        self._write_problem: str | None = None

    def problem(self) -> str | None:
        """Return the problem, or None; the driver's message is only logged.

        While a write waits, for example for a lock, the result of the one before counts.
        """
        try:
            fit = self._reading.result()
        except DatabaseUnavailable as error:
            log.warning("database.unavailable", reason=error.reason)
            return UNREACHABLE
        except Overdue:
            log.warning("database.unavailable", reason="no answer in time")
            return UNREACHABLE
        if fit is Fit.BEHIND:
            return "The database is not migrated: run `connector migrate`."
        if fit is Fit.AHEAD:
            return TOO_NEW
        return self._problem_of_writing()

    def _problem_of_writing(self) -> str | None:
        if time.monotonic() - self._tried_at >= WRITE_EVERY:
            with suppress(Overdue):
                self._writing.result()
        return self._write_problem

    def _try_to_write(self) -> None:
        try:
            self._database.check_writable(self._write_patience)
            self._write_problem = None
        except DatabaseUnavailable as error:
            log.warning("database.unavailable", reason=error.reason)
            self._write_problem = NOT_WRITABLE if error.is_reached else UNREACHABLE
        finally:
            self._tried_at = time.monotonic()
