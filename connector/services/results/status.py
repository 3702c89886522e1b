"""The status of a verification, and the one place that writes it.

    change ──► compare-and-set: not where the verification has ended, nor where the lease is another's ──► None
           └─► the verification as it is now, and the entry of its history

A verification is inserted as `starting`. Every later status is written here, whatever brings it: the start of a run, a
snapshot of a run, a start that failed, a run that can no longer be completed. A final status also closes the
verification and ends its lease. The caller records the entry in the journal as its transaction's last step, because the
journal writes to the outbox, which comes last in the lock order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.domain.history import RUN, Change, of_verification
from connector.domain.verification import Verification
from connector.domain.workflow_run import is_final
from connector.store import verifications
from connector.store.verifications import Fence


@dataclass(frozen=True)
class Changed:
    """A verification after a change of its status, and the change, for the journal."""

    verification: Verification
    entry: Change


def change(
    connection: Connection,
    verification: Verification,
    status: str,
    now: datetime,
    cause: str,
    actor: str | None = None,
    *,
    values: Mapping[str, Any],
    fence: Fence | None = None,
) -> Changed | None:
    """Write a verification's status with other values; None where it has ended, or is not what the fence requires."""
    written = _with_status(status, now, values)
    changed = verifications.set_status(connection, verification, written, fence)
    if changed is None:
        return None
    entry = of_verification(verification, now, cause, actor, RUN, changed.run_id, verification.status, status)
    return Changed(changed, entry)


def change_locked(
    connection: Connection,
    verification: Verification,
    status: str,
    now: datetime,
    cause: str,
    actor: str | None,
    *,
    values: Mapping[str, Any],
) -> Change:
    """Write the status of a verification that the caller has locked while it was open; returns the journal's entry."""
    verifications.set_status_locked(connection, verification, _with_status(status, now, values))
    return of_verification(verification, now, cause, actor, RUN, verification.run_id, verification.status, status)


def _with_status(status: str, now: datetime, values: Mapping[str, Any]) -> dict[str, Any]:
    closed = {"closed_at": now, **verifications.NO_LEASE} if is_final(status) else {}
    return {"status": status, "updated_at": now, **closed, **values}
