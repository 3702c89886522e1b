"""A manual decision that a person has to make in Onfido's dashboard, known where Onfido reports the start of tasks.

Onfido does not report that it was made: it is awaited until the run has ended.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from connector.domain.studio.studio import MANUAL_REVIEW
from connector.domain.verifications.verification import Verification
from connector.store.verifications import verifications


def note_decision(connection: Connection, verification: Verification, task_def_id: str | None, now: datetime) -> None:
    """Record the start of a task, if it is a manual decision."""
    is_known = verification.decision_awaited_at is not None or verification.closed_at is not None
    if not is_known and task_def_id == MANUAL_REVIEW:
        verifications.change(connection, verification.verification_id, {"decision_awaited_at": now})
