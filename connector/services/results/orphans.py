"""Runs that were started at Onfido, and paid for, but belong to no verification.

The deadline is checked immediately before a run is requested. A delay after this check cannot be undone: the request
may reach Onfido so late that the lease was lost and another request has started a run, or the user was removed. No user
is sent to such a run. Onfido cannot cancel it; it ends when its tasks time out. It is detected by the late answer or,
if the process was killed before that, by an event.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Connection

from connector import metrics
from connector.domain.audit.history import RUN, of_verification
from connector.domain.verifications.verification import Verification
from connector.services.journal import Journal
from connector.services.use_case import use_case
from connector.store import history
from connector.store.engine import Database
from connector.store.verifications import verifications

log = structlog.get_logger(__name__)

ORPHANED = "orphaned"  # for the history


@use_case
class Orphans:
    """Records such runs in the log, the history and the metrics."""

    _database: Database
    _journal: Journal
    _clock: Callable[[], datetime]

    def record(self, verification: Verification, run_id: str, cause: str) -> None:
        """Record a run whose lease was lost, unless another request has recorded it for the verification.

        If the verification has no run yet, the next sweep finds this one.
        """
        verification_id = verification.verification_id
        with self._database.write() as connection:
            current = verifications.lock(connection, verification_id)
            if current is not None and current.run_id is None:
                verifications.postpone(connection, {verification_id: self._clock()})
            self.add(connection, verification, run_id, cause)

    def add(
        self, connection: Connection, verification: Verification, run_id: str, cause: str, actor: str | None = None
    ) -> None:
        """Record a run in the caller's transaction, unless it is in the history already."""
        if history.knows_run(connection, verification.provider_id, run_id):
            return
        entry = of_verification(verification, self._clock(), cause, actor, RUN, run_id, None, ORPHANED)
        self._journal.record(connection, [entry])
        metrics.ORPHANED.inc()
        log.warning(
            "run.orphaned",
            verification_id=verification.verification_id,
            run_id=run_id,
            provider_id=verification.provider_id,
            advice="Onfido started this run after the lease of its request had expired: no user was sent to it. "
            "It ends when its tasks time out.",
        )
