"""The only writer of a verification's status: applying what Onfido says of a run.

The webhook, COMPLETED and every other way by which news of a run arrives end in `apply`, inside one transaction:
lock the run's row, ask the rules, write the run and the claims. News that is late, doubled or out of order finds
nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.domain.claims import judge
from connector.domain.provider import Provider
from connector.domain.runs import APPROVED, Comparison, RunSnapshot, moves
from connector.domain.verification import Verification, VerificationClaim
from connector.services.providers import Providers
from connector.store import claims, events, verifications
from connector.store.engine import Database

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """What `apply` did."""

    APPLIED = auto()
    NOTHING_NEW = auto()
    RUN_UNKNOWN = auto()
    COMPARISON_WANTED = auto()  # ask Onfido for the run's tasks (`OnfidoClient.fetch_result`) and apply that


class Results:
    """Applies snapshots of runs, those that arrive and those that it asks for."""

    def __init__(self, database: Database, providers: Providers, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._providers = providers
        self._clock = clock

    def refresh(self, provider: Provider, run_id: str, deadline: float) -> RunSnapshot:
        """Ask Onfido for a run and apply the answer; gives the answer.

        `deadline` is a time of `time.monotonic()`. Raises `ProviderError` where Onfido does not answer or refuses.
        """
        run = self._providers.onfido(provider).fetch_result(run_id, deadline=deadline)
        with self._database.write() as connection:
            self.apply(connection, provider.provider_id, run)
            if run.is_final:
                events.settle(connection, provider.provider_id, run_id)
        return run

    def apply(self, connection: Connection, provider_id: str, run: RunSnapshot) -> Outcome:
        """Apply a snapshot in the caller's transaction, which writes."""
        verification = verifications.lock_run(connection, provider_id, run.run_id)
        if verification is None:
            return Outcome.RUN_UNKNOWN
        if verification.closed_at is not None or not moves(verification.status, run.status):
            return Outcome.NOTHING_NEW
        if not run.is_conclusive:
            return Outcome.COMPARISON_WANTED
        now = self._clock()
        if run.is_final:
            self._settle(connection, verification, run, now)
        values = {"status": run.status, "updated_at": now}
        closing = {"completed_at": run.completed_at or now, "closed_at": now, "lease_owner": None, "lease_until": None}
        verifications.move(connection, verification.verification_id, values | (closing if run.is_final else {}))
        log.info(
            "run.moved",
            verification_id=verification.verification_id,
            run_id=run.run_id,
            previous=verification.status,
            status=run.status,
        )
        return Outcome.APPLIED

    def _settle(self, connection: Connection, verification: Verification, run: RunSnapshot, now: datetime) -> None:
        verdicts = [
            (claim, judge(claim.applicant_field, run, has_value_changed=claim.is_stale))
            for claim in verifications.find_claims(connection, verification.verification_id)
        ]
        for is_decided, group in groupby(verdicts, key=lambda pair: pair[1].is_verified is not None):
            rows = [
                claim_row(verification, claim, now)
                | {"is_verified": bool(verdict.is_verified), "verification_status": verdict.verification_status}
                for claim, verdict in group
            ]
            claims.settle(connection, rows, is_decided=is_decided)
        _tell_if_nothing_was_compared(verification, run)


def claim_row(verification: Verification, claim: VerificationClaim, now: datetime) -> dict[str, Any]:
    """Make the row of a claim that an attempt is about, unverified so far."""
    return {
        "id": claims.new_id(),
        "tenant": verification.tenant,
        "provider_id": verification.provider_id,
        "user_id": verification.user_id,
        "uri": claim.uri,
        "is_verified": False,
        "fingerprint": claim.fingerprint,
        "verification_id": verification.verification_id,
        "verification_status": None,
        "metadata": {},
        "created_at": now,
        "updated_at": now,
    }


def _tell_if_nothing_was_compared(verification: Verification, run: RunSnapshot) -> None:
    compared = set((run.comparisons or {}).values()) - {Comparison.NOT_COMPARED}
    if run.status == APPROVED and not compared:
        log.warning(
            "run.nothing_compared",
            verification_id=verification.verification_id,
            run_id=run.run_id,
            provider_id=verification.provider_id,
            advice="Onfido approved the run but compared nothing: enable Comparison Checks on the account, and let "
            "the workflow output the document report's data comparison.",
        )
