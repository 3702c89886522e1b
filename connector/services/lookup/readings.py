"""Records of reading: every export, file, kept result, task and evidence that is read is in the history.

The entry is written before any data is returned: reading is refused if it cannot be recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connector.domain.audit.history import (
    ADMINISTRATOR,
    EXPORT,
    EXPORTED,
    FILE,
    READ,
    RESULT,
    TASK,
    VALUES,
    AuditFilter,
    Change,
    by_administrator,
    of_verification,
)
from connector.domain.studio.tasks import TaskSummary
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.domain.verifications.verification import Verification, VerificationFilter
from connector.services.journal import Journal
from connector.services.use_case import use_case
from connector.store.engine import Database

CSV_FILE, AUDIT_FILE = "verifications.csv", "audit.csv"


@use_case
class Readings:
    """Records readings in the history."""

    _database: Database
    _journal: Journal
    _clock: Callable[[], datetime]

    def record_export(self, tenant: Tenant, criteria: VerificationFilter, actor: str) -> None:
        """Record an export of the matching verifications."""
        entry = self._export(tenant, CSV_FILE, _described(criteria), actor, criteria.provider_id)
        self._record(replace(entry, user_id=criteria.user_id))

    def record_audit_export(self, tenant: Tenant, criteria: AuditFilter, actor: str) -> None:
        """Record an export of the matching entries of the audit trail."""
        entry = self._export(tenant, AUDIT_FILE, _written_filter(criteria), actor)
        self._record(replace(entry, user_id=criteria.user_id))

    def _export(
        self, tenant: Tenant, name: str, detail: Mapping[str, object], actor: str, provider_id: str | None = None
    ) -> Change:
        return by_administrator(self._clock(), actor, tenant.name, EXPORT, name, EXPORTED, detail, provider_id)

    def record_values(self, tenant: Tenant, user_id: str, actor: str) -> None:
        """Record the reading of a user's values."""
        entry = by_administrator(self._clock(), actor, tenant.name, VALUES, user_id, READ, {})
        self._record(replace(entry, user_id=user_id))

    def record_file(self, verification: Verification, name: str, actor: str) -> None:
        """Record the reading of a run's file."""
        self._record(self._reading(verification, FILE, name, actor))

    def record_result(self, verification: Verification, parts: Sequence[str], actor: str) -> None:
        """Record the reading of parts of a run's kept result: its output, the document's values."""
        entry = self._reading(verification, RESULT, verification.run_id, actor)
        self._record(replace(entry, detail={"parts": list(parts)}))

    def record_task(self, verification: Verification, task: TaskSummary, actor: str) -> None:
        """Record the reading of a task's data."""
        entry = self._reading(verification, TASK, task.task_id, actor)
        self._record(replace(entry, detail={"task_def_id": task.task_def_id}))

    def _reading(self, verification: Verification, subject: str, name: str | None, actor: str) -> Change:
        return of_verification(verification, self._clock(), ADMINISTRATOR, actor, subject, name, None, READ)

    def _record(self, change: Change) -> None:
        with self._database.write() as connection:
            self._journal.record(connection, [change])


def _described(criteria: VerificationFilter) -> Mapping[str, object]:
    """Return the filter of the export, by the names of the query's parameters."""
    words = {
        "status": ",".join(criteria.statuses) or None,
        "userId": criteria.user_id,
        "tag": criteria.tag,
        "environment": criteria.environment,
        "claim": criteria.claim,
        "result": criteria.result,
        "needsReview": "true" if criteria.needs_review else None,
        "decision": criteria.decision,
        "capture": criteria.capture,
        "from": timestamp(criteria.created_from),
        "before": timestamp(criteria.created_before),
    }
    return {word: value for word, value in words.items() if value is not None}


def _written_filter(criteria: AuditFilter) -> Mapping[str, object]:
    """Return the filter of an export of the audit trail, without empty members."""
    given = {name: value for name, value in vars(criteria).items() if value is not None}
    return {name: timestamp(value) if isinstance(value, datetime) else value for name, value in given.items()}
