"""The audit trail: requests of people, and refusals, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from connector.domain.audit.history import AuditFilter, Entry
from connector.domain.tenancy import Tenant
from connector.services.cursors import Cursors, Page, key_of
from connector.store import history
from connector.store.engine import Database
from connector.store.pages import Position
from connector.store.vault import OpaqueTexts

EXPORTED_AT_ONCE = 500
MOST_SEARCHED = 1000  # entries, for whether any matches


class Audit:
    """Reads the audit trail; each method takes the tenant that it may see."""

    def __init__(self, database: Database, texts: OpaqueTexts) -> None:
        self._database = database
        self._cursors = Cursors(texts, "audit")

    def page(self, tenant: Tenant, criteria: AuditFilter, *, limit: int, cursor: str | None = None) -> Page[Entry]:
        """Return the matching entries, the latest first, from a cursor's page on."""
        after = self._cursors.position(tenant.name, cursor)
        with self._database.read() as connection:
            entries = history.find_audited(connection, tenant.name, criteria, limit=limit + 1, after=after)
        return self._cursors.page(tenant.name, entries, limit, lambda entry: key_of(entry.change.at, entry.number))

    def is_any(self, tenant: Tenant, criteria: AuditFilter) -> bool:
        """Whether some match, of the latest by the most selective filters: never takes long, and may miss old ones."""
        with self._database.read() as connection:
            return history.is_any(connection, tenant.name, criteria, MOST_SEARCHED)

    def export(self, tenant: Tenant, criteria: AuditFilter) -> Iterator[Entry]:
        """Yield all matching entries, the latest first; entries that are added meanwhile are not included."""
        after: Position | None = None
        while True:
            with self._database.read() as connection:
                entries = history.find_audited(connection, tenant.name, criteria, limit=EXPORTED_AT_ONCE, after=after)
            yield from entries
            if len(entries) < EXPORTED_AT_ONCE:
                return
            after = Position(entries[-1].change.at, entries[-1].number)
