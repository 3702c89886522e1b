"""The audit trail: requests of people, and refusals, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.history import AuditFilter, Entry
from connector.domain.tenancy import Tenant
from connector.store import history
from connector.store.engine import Database


@dataclass(frozen=True)
class AuditPage:
    """A page of entries, the latest first; `next_before` is the position of the next page, None at the end."""

    entries: Sequence[Entry]
    next_before: int | None


class Audit:
    """Reads the audit trail; the method takes the tenant it may see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, tenant: Tenant, criteria: AuditFilter, *, limit: int, before: int | None = None) -> AuditPage:
        """Return the entries that match, from those numbered lower than `before` on."""
        with self._database.read() as connection:
            entries = history.find_audited(connection, tenant.name, criteria, limit=limit + 1, before=before)
        page = entries[:limit]
        return AuditPage(page, page[-1].number if len(entries) > limit else None)
