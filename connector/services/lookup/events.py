"""Looking up the events that Onfido posted, and replaying them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from connector.domain.audit.history import EVENT, READ, REPLAYED, SYSTEM, by_administrator
from connector.domain.events import EventFilter, RefusedPosts, StoredEvent
from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.cursors import Cursors, Page, key_of
from connector.services.journal import Journal
from connector.services.results.events import Events
from connector.store.engine import Database
from connector.store.providers import event_search, refused_posts
from connector.store.providers.events import ParkedEvent
from connector.store.sealed import event_body
from connector.store.vault import OpaqueTexts, Vault

NO_BODY = "is not kept: only events within `event_retention_days` can be read and replayed"


class EventLookup:
    """Looks up stored events; each method is limited to the given tenant.

    A body is personal, so reading one is in the audit trail, as is replaying an event.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        texts: OpaqueTexts,
        events: Events,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._cursors = Cursors(texts, "events")
        self._events = events
        self._journal = journal
        self._clock = clock

    def page(
        self, tenant: Tenant, criteria: EventFilter, *, limit: int, cursor: str | None = None
    ) -> Page[StoredEvent]:
        """Return matching events, the latest first, from a cursor's page on."""
        after = self._cursors.position(tenant.name, cursor)
        with self._database.read() as connection:
            events = event_search.find_page(connection, tenant.name, criteria, limit=limit + 1, after=after)
        return self._cursors.page(tenant.name, events, limit, lambda event: key_of(event.received_at, event.event_id))

    def refused(self, tenant: Tenant, provider_id: str | None = None) -> list[RefusedPosts]:
        """Return the number of refused posts by provider and cause, the latest first."""
        with self._database.read() as connection:
            return refused_posts.find(connection, tenant.name, provider_id)

    def get(self, tenant: Tenant, event_id: str) -> StoredEvent:
        """Return an event; raise `RequestError` if there is none."""
        with self._database.read() as connection:
            event = event_search.find(connection, tenant.name, event_id)
        if event is None:
            raise RequestError(
                Code.EVENT_NOT_FOUND,
                message("There is no event %(event_id)s: list the events of this tenant.", event_id=event_id),
            )
        return event

    def body(self, tenant: Tenant, event_id: str, actor: str = SYSTEM) -> str:
        """Return an event's body as Onfido posted it; raise `RequestError` if it is not kept."""
        event = self.get(tenant, event_id)
        sealed = self._sealed(event)
        self._record(tenant, event, READ, actor)
        return self._vault.open(sealed, event_body(event_id))

    def replay(self, tenant: Tenant, event_id: str, actor: str = SYSTEM) -> str:
        """Apply an event again; results that were already applied do not change. Return its state then.

        Raise `RequestError` if there is no such event, or its body is not kept.
        """
        event = self.get(tenant, event_id)
        self._events.replay(tenant, event.provider_id, ParkedEvent(event_id, self._sealed(event)))
        self._record(tenant, event, REPLAYED, actor)
        return self.get(tenant, event_id).state

    def _record(self, tenant: Tenant, event: StoredEvent, what: str, actor: str) -> None:
        detail, now = {"kind": event.kind}, self._clock()
        entry = by_administrator(now, actor, tenant.name, EVENT, event.event_id, what, detail, event.provider_id)
        with self._database.write() as connection:
            self._journal.record(connection, [entry])

    def _sealed(self, event: StoredEvent) -> str:
        if event.sealed_body is None:
            raise RequestError(
                Code.EVENT_BODY_GONE,
                message("The body of the event %(event_id)s %(no_body)s.", event_id=event.event_id, no_body=NO_BODY),
            )
        return event.sealed_body
