"""Ending a verification whose run can no longer be completed: its applicant or run is gone, or in another environment.

A run that was started with other credentials belongs to another account or environment: with the current ones Onfido
does not know it, and its result does not count.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from connector.domain.audit.history import Change
from connector.domain.studio.workflow_run import ERROR
from connector.domain.verifications.judgement import Verdict
from connector.domain.verifications.verification import Verification
from connector.services.results import status
from connector.store.claims import claims
from connector.store.verifications import verification_claims


def end_verification(
    connection: Connection,
    verification: Verification,
    failure: str,
    now: datetime,
    cause: str,
    actor: str | None = None,
    *,
    verdict: Verdict | None = None,
) -> list[Change]:
    """End a verification whose run can no longer be completed; one that has ended meanwhile is unchanged.

    `verdict` is the result for each of its claims, and the status of those that are not verified. Return the changes,
    for the journal.
    """
    ended = status.change(connection, verification, ERROR, now, cause, actor, values={"failure": failure})
    if not ended.is_written:
        return []
    if verdict is not None:
        claims.explain(connection, verification, verdict.verification_status, now)
        verification_claims.keep_result_of_all(connection, verification, verdict)
    return [ended.entry]
