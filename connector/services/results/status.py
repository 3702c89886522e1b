"""The status of a verification, and the only function that writes it.

    change ──► compare-and-set: if the verification has ended, or the lease belongs to another ──► no row
           └─► whether it is written, and the entry of its history

A verification is inserted as `starting`. Every later status is written here, for any cause: the start of a run, a
snapshot of a run, a failed start, a run that can no longer be completed. A final status also closes the verification
and ends its lease. The caller records the entry in the journal as its transaction's last step, because the journal
writes to the outbox, which is last in the lock order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.history import RUN, Change, of_verification
from connector.domain.frozen import frozen
from connector.domain.studio.workflow_run import is_final
from connector.domain.verifications.verification import Verification
from connector.store.batch import Answer
from connector.store.verifications import verifications
from connector.store.verifications.fences import Fence


@frozen
class Changed:
    """A change of a status, for the journal; unless the verification is locked, the caller must check its success."""

    entry: Change
    answer: Answer

    @property
    def is_written(self) -> bool:
        """Whether the status was written; False if the verification had ended, or does not meet the fence."""
        return self.answer.rowcount == 1


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
    is_shared: bool = False,
) -> Changed:
    """Write a verification's status with other values, unless it has ended or does not meet the fence.

    If a run is recorded under a fence that does not hold, the transaction fails with `NoRowError`. With `is_shared` the
    transaction holds a share lock of the provider.
    """
    closed = {"closed_at": now, **verifications.NO_LEASE} if is_final(status) else {}
    written = {"status": status, "updated_at": now, **closed, **values}
    answer = verifications.set_status(connection, verification, written, fence, is_shared=is_shared)
    run_id = values.get("run_id", verification.run_id)
    return Changed(of_verification(verification, now, cause, actor, RUN, run_id, verification.status, status), answer)
