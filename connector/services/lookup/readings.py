"""Who took what in bulk or in full: every export, file and piece of evidence that is read is in the history.

The entry is written before anything is handed out: what cannot be recorded is not handed out either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from connector.domain.history import ADMINISTRATOR, EXPORT, EXPORTED, FILE, READ, Change
from connector.domain.verification import Verification, VerificationFilter
from connector.services.journal import Journal
from connector.store.engine import Database

CSV_FILE = "verifications.csv"


class Readings:
    """Records who has read what."""

    def __init__(self, database: Database, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    def record_export(self, tenant: str, criteria: VerificationFilter, actor: str) -> None:
        """Record that somebody exports the verifications that match."""
        self._record(
            Change(
                at=self._clock(),
                tenant=tenant,
                subject=EXPORT,
                name=CSV_FILE,
                current=EXPORTED,
                cause=ADMINISTRATOR,
                provider_id=criteria.provider_id,
                user_id=criteria.user_id,
                actor=actor,
                detail=_described(criteria),
            )
        )

    def record_file(self, verification: Verification, name: str, actor: str) -> None:
        """Record that somebody reads a file of a run's."""
        self._record(
            Change(
                at=self._clock(),
                tenant=verification.tenant,
                subject=FILE,
                name=name,
                current=READ,
                cause=ADMINISTRATOR,
                provider_id=verification.provider_id,
                verification_id=verification.verification_id,
                user_id=verification.user_id,
                actor=actor,
            )
        )

    def _record(self, change: Change) -> None:
        with self._database.write() as connection:
            self._journal.record(connection, [change])


def _described(criteria: VerificationFilter) -> Mapping[str, object]:
    """Return what the export was limited to, by the words of the query."""
    words = {
        "status": ",".join(criteria.statuses) or None,
        "userId": criteria.user_id,
        "tag": criteria.tag,
        "from": criteria.created_from.isoformat() if criteria.created_from else None,
        "before": criteria.created_before.isoformat() if criteria.created_before else None,
    }
    return {word: value for word, value in words.items() if value is not None}
