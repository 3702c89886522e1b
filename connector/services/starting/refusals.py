"""The record of a refused start: its code, claims, time and caller; never a value.

It answers the help desk's first question, "why is this user not verified?", where there is no run. The
sweep removes it after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connector.domain.history import REFUSED, START, Change
from connector.errors import Code, OnfidoError, RequestError
from connector.services.journal import Journal
from connector.store.engine import Database

log = structlog.get_logger(__name__)

MAX_CLAIMS = 20  # that one record names
MAX_PROVIDER_ID = 36  # characters; no user has a longer one
# Refusals in normal use, which the open run or the claims explain already.
ORDINARY = frozenset({Code.VERIFICATION_OPEN, Code.BEING_STARTED, Code.NOTHING_TO_VERIFY, Code.CLAIMS_EMPTY})


@dataclass(frozen=True)
class StartRequest:
    """A request: the caller, the user and the claims."""

    tenant: str
    user_id: str
    provider_id: str
    claims: Sequence[str]
    actor: str


class Refusals:
    """Records refused starts."""

    def __init__(self, database: Database, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    @contextmanager
    def traced(self, request: StartRequest) -> Iterator[None]:
        """Record the refusal that ends the block, if one does."""
        try:
            yield
        except (RequestError, OnfidoError) as error:
            if error.code not in ORDINARY:
                self._record(request, error)
            raise

    def _record(self, request: StartRequest, error: RequestError | OnfidoError) -> None:
        claims = error.claims if isinstance(error, RequestError) and error.claims else request.claims
        entry = Change(
            at=self._clock(),
            tenant=request.tenant,
            subject=START,
            current=error.code,
            cause=REFUSED,
            provider_id=request.provider_id if len(request.provider_id) <= MAX_PROVIDER_ID else None,
            user_id=request.user_id,
            actor=request.actor,
            detail={"claims": list(claims[:MAX_CLAIMS])},
        )
        try:
            with self._database.write() as connection:
                self._journal.record(connection, [entry])
        except SQLAlchemyError as failure:  # the caller must still get the refusal
            log.warning("start.refusal_not_recorded", code=error.code, exc_info=failure)
