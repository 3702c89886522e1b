"""The time at which a user completed capture, as reported by the application or by Onfido, never estimated.

the application requests the result, and Onfido no longer awaits the user      ──► the time of the request
Onfido reports the start of a task that checks what the user has sent          ──► the time of the report
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.domain.studio.tasks import follows_capture
from connector.domain.studio.workflow_run import RunSnapshot
from connector.domain.verifications.verification import Verification
from connector.store.verifications import verifications


def captured(verification: Verification | None, run: RunSnapshot, now: datetime) -> dict[str, Any]:
    """Return the column to write when an application requests the result; empty if Onfido still awaits the user."""
    if verification is None or verification.captured_at is not None or not run.proves_capture:
        return {}
    return {"captured_at": min(now, run.completed_at or now)}


def note_capture(connection: Connection, verification: Verification, task_def_id: str | None, now: datetime) -> None:
    """Record the start of a task, if the task checks what the user has sent."""
    is_known = verification.captured_at is not None or verification.closed_at is not None
    if not is_known and follows_capture(task_def_id):
        verifications.change(connection, verification.verification_id, {"captured_at": now})
