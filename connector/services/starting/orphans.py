"""Runs that were started at Onfido, and paid for, but are no verification's.

Whoever starts a run looks at the deadline immediately before the request leaves. What happens after that look cannot
be called back: the request may reach Onfido so late that the lease is lost, and another has started a run, or the user
was removed. Such a run was handed to nobody. Onfido has no way to cancel it; it ends when its tasks time out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from connector import telemetry
from connector.domain.history import RUN, of_verification
from connector.domain.verification import Verification
from connector.services.journal import Journal
from connector.services.starting.attempts import INITIATED
from connector.store import verifications
from connector.store.engine import Database

log = structlog.get_logger(__name__)

ORPHANED = "orphaned"  # for the history


class Orphans:
    """Records such runs: in the log, the history and the metrics."""

    def __init__(self, database: Database, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    def record(self, verification: Verification, run_id: str) -> None:
        """Record a run whose attempt was lost, unless another request has recorded it as the attempt's.

        Where the attempt has no run yet, the next sweep looks for this one.
        """
        verification_id, now = verification.verification_id, self._clock()
        with self._database.write() as connection:
            current = verifications.lock(connection, verification_id)
            if verifications.find_known_runs(connection, verification.provider_id, [run_id]):
                return
            if current is not None and current.run_id is None:
                verifications.postpone(connection, {verification_id: now})
            entry = of_verification(verification, now, INITIATED, None, RUN, run_id, None, ORPHANED)
            self._journal.record(connection, [entry])
        telemetry.ORPHANED.inc()
        log.warning(
            "run.orphaned",
            verification_id=verification_id,
            run_id=run_id,
            provider_id=verification.provider_id,
            advice="Onfido started this run after its request had lost its turn: nobody was sent to it. "
            "It ends when its tasks time out.",
        )
