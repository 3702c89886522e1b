"""Statements for looking up events from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, select

from connector.domain.events import EventFilter, StoredEvent
from connector.store import pages
from connector.store.events import STATES
from connector.store.models import events, providers
from connector.store.pages import Branch, Order, Position, unindexed

_COLUMNS = (
    *(events.c.id, events.c.provider_id, events.c.kind, events.c.run_id),
    *(events.c.state, events.c.received_at, events.c.body),
)
_ORDER = Order(events.c.received_at, events.c.id)
_SELECT = select(*_COLUMNS).join(providers, providers.c.id == events.c.provider_id)


def find(connection: Connection, tenant: str, event_id: str) -> StoredEvent | None:
    """Return one event of a tenant."""
    row = connection.execute(_SELECT.where(providers.c.tenant == tenant, events.c.id == event_id)).one_or_none()
    return None if row is None else _event(row)


def find_page(
    connection: Connection, tenant: str, criteria: EventFilter, *, limit: int, after: Position | None = None
) -> list[StoredEvent]:
    """Return events of a tenant, the latest first, those behind the position `after` where one is given."""
    of_tenant = select(providers.c.id).where(providers.c.tenant == tenant)
    if criteria.provider_id is not None:
        of_tenant = of_tenant.where(providers.c.id == criteria.provider_id)
    branches = [
        branch
        for provider_id in connection.execute(of_tenant).scalars().all()
        for branch in _branches(provider_id, criteria)
    ]
    if not branches:
        return []
    statement = pages.page(_SELECT, _ORDER, branches, limit=limit, after=after)
    return [_event(row) for row in connection.execute(statement)]


def _branches(provider_id: str, criteria: EventFilter) -> Iterator[Branch]:
    of_provider = events.c.provider_id == provider_id
    since = [] if criteria.received_after is None else [events.c.received_at > criteria.received_after]
    states = STATES if criteria.state is None else (criteria.state,)
    if criteria.run_id is not None:
        yield Branch(_ORDER, [of_provider, events.c.run_id == criteria.run_id, unindexed(events.c.state).in_(states)])
        return
    for state in states:
        yield Branch(_ORDER, [of_provider, events.c.state == state, *since])


def _event(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    return StoredEvent(*row)
