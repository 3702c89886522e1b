"""Writing refusals to the history, within the limit; each story determines the content of its entries."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from connector.domain.audit.history import Change
from connector.errors import DatabaseUnavailable
from connector.services.journal import Journal
from connector.services.refusals.refusal_limit import RefusalLimit
from connector.services.use_case import use_case
from connector.store.engine import Database

log = structlog.get_logger(__name__)


@use_case
class RefusalRecord:
    """Records refusals; if that fails, it is logged, and the caller still gets the refusal."""

    _database: Database
    _journal: Journal
    _limit: RefusalLimit

    def add(self, entry: Change, beside: Callable[[Connection], None] | None = None) -> None:
        """Record a refusal if there is room for it; `beside` is executed in the same transaction in any case."""
        try:
            with self._limit.turn(entry) as is_mine:
                if is_mine or beside:
                    self._write(entry, beside, is_mine=is_mine)
        except (DatabaseUnavailable, SQLAlchemyError) as failure:
            log.warning("refusal.not_recorded", of=entry.subject, code=entry.current, reason=type(failure).__name__)

    def _write(self, entry: Change, beside: Callable[[Connection], None] | None, *, is_mine: bool) -> None:
        with self._database.write() as connection:
            if beside:
                beside(connection)
            if is_mine and self._limit.has_room(connection, entry):
                self._journal.record(connection, [entry])
