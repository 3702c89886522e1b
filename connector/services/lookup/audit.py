"""The audit trail: requests of people, and refusals, page by page."""

from __future__ import annotations

from connector.domain.history import AuditFilter, Entry
from connector.domain.tenancy import Tenant
from connector.services.cursors import Cursors, Page, key_of
from connector.store import history
from connector.store.engine import Database
from connector.store.vault import OpaqueTexts


class Audit:
    """Reads the audit trail; the method takes the tenant it may see."""

    def __init__(self, database: Database, texts: OpaqueTexts) -> None:
        self._database = database
        self._cursors = Cursors(texts, "audit")

    def page(self, tenant: Tenant, criteria: AuditFilter, *, limit: int, cursor: str | None = None) -> Page[Entry]:
        """Return the entries that match, the latest first, from the page of a cursor on."""
        after = self._cursors.position(tenant.name, cursor)
        with self._database.read() as connection:
            entries = history.find_audited(connection, tenant.name, criteria, limit=limit + 1, after=after)
        return self._cursors.page(tenant.name, entries, limit, lambda entry: key_of(entry.change.at, entry.number))
