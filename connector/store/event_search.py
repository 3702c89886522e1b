"""Statements for looking up events from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, tuple_

from connector.domain.events import EventFilter, StoredEvent
from connector.store.models import events, providers

_COLUMNS = (
    *(events.c.id, events.c.provider_id, events.c.kind, events.c.run_id),
    *(events.c.state, events.c.received_at, events.c.body),
)
_SELECT = select(*_COLUMNS).join(providers, providers.c.id == events.c.provider_id)


def find(connection: Connection, tenant: str, event_id: str) -> StoredEvent | None:
    """Return one event of a tenant."""
    row = connection.execute(_SELECT.where(providers.c.tenant == tenant, events.c.id == event_id)).one_or_none()
    return None if row is None else _event(row)


def find_page(
    connection: Connection, tenant: str, criteria: EventFilter, *, limit: int, after: str | None = None
) -> list[StoredEvent]:
    """Return events of a tenant, the latest first, from the one behind `after` (an id) on."""
    statement = _SELECT.where(providers.c.tenant == tenant, *_clauses(criteria))
    if after is not None:
        place = select(events.c.received_at, events.c.id).where(events.c.id == after)
        statement = statement.where(tuple_(events.c.received_at, events.c.id) < place.scalar_subquery())
    statement = statement.order_by(events.c.received_at.desc(), events.c.id.desc()).limit(limit)
    return [_event(row) for row in connection.execute(statement)]


def _clauses(criteria: EventFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (events.c.provider_id, criteria.provider_id),
        (events.c.run_id, criteria.run_id),
        (events.c.state, criteria.state),
    ):
        if value is not None:
            yield column == value
    if criteria.received_after is not None:
        yield events.c.received_at > criteria.received_after


def _event(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    return StoredEvent(*row)
