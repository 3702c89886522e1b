"""Ending a verification whose run nobody can go through any more: its applicant or the run is gone, or it is elsewhere.

A run that was started with other credentials belongs to another account or environment: with the present ones Onfido
does not know it, and what it found counts for nothing here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from connector.domain.history import RUN, Change, of_verification
from connector.domain.verification import Verification
from connector.domain.workflow_run import ERROR
from connector.store import claims, verifications


def end(
    connection: Connection,
    verification: Verification,
    failure: str,
    now: datetime,
    cause: str,
    actor: str | None = None,
    *,
    claim_status: str | None = None,
) -> list[Change]:
    """End a verification whose run can no longer be completed; one that has ended meanwhile is left unchanged.

    `claim_status` is what its claims then say, as far as they are not verified. Returns the change, for the journal.
    """
    values = {"status": ERROR, "failure": failure, "updated_at": now, "closed_at": now}
    if not verifications.move(connection, verification.verification_id, values | verifications.NO_LEASE):
        return []
    if claim_status is not None:
        claims.explain(connection, verification, claim_status, now)
    return [of_verification(verification, now, cause, actor, RUN, verification.run_id, verification.status, ERROR)]
