"""The record of requests that were refused to an authenticated caller: a missing scope, a refused change.

It shows who tried what. Requests without a valid token, and common refusals of applications, are only logged; refused
starts are recorded separately. The sweep removes the entries after their retention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connector.domain.history import REFUSED, REQUEST, Change
from connector.errors import DatabaseUnavailable
from connector.services.journal import Journal
from connector.services.refusal_limit import RefusalLimit
from connector.store.engine import Database

log = structlog.get_logger(__name__)

MAX_NAME, MAX_CODE, MAX_PROVIDER_ID = 255, 64, 36  # lengths of the columns of the history


@dataclass(frozen=True)
class RefusedRequest:
    """A refused request: its operation, the code of the refusal, and the named objects."""

    tenant: str
    actor: str
    operation: str
    code: str
    provider_id: str | None = None
    user_id: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


class RefusedRequests:
    """Records refused requests, within the limit."""

    def __init__(
        self, database: Database, journal: Journal, limit: RefusalLimit, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._journal = journal
        self._limit = limit
        self._clock = clock

    def record(self, refused: RefusedRequest) -> None:
        """Record a refusal; if that fails, the caller still gets the answer."""
        entry = self._entry(refused)
        try:
            with self._limit.turn(entry) as is_mine:
                if is_mine:
                    self._write(entry)
        except (DatabaseUnavailable, SQLAlchemyError) as failure:
            log.warning("request.refusal_not_recorded", code=refused.code, reason=type(failure).__name__)

    def _write(self, entry: Change) -> None:
        with self._database.write() as connection:
            if self._limit.has_room(connection, entry):
                self._journal.record(connection, [entry])

    def _entry(self, refused: RefusedRequest) -> Change:
        is_known = refused.provider_id is not None and len(refused.provider_id) <= MAX_PROVIDER_ID
        return Change(
            at=self._clock(),
            tenant=refused.tenant,
            subject=REQUEST,
            name=refused.operation[:MAX_NAME],
            current=refused.code[:MAX_CODE],
            cause=REFUSED,
            provider_id=refused.provider_id if is_known else None,
            user_id=refused.user_id,
            actor=refused.actor,
            detail=refused.detail,
        )
