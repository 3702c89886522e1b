"""Statements for looking up events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from connector.domain.events import EventFilter, StoredEvent
from connector.store import pages
from connector.store.models import events, providers, verifications
from connector.store.pages import Branch, Order, Position, unindexed
from connector.store.providers.events import STATES

_COLUMNS = (
    *(events.c.id, events.c.provider_id, events.c.kind, events.c.run_id),
    *(events.c.state, events.c.received_at, events.c.happened_at, events.c.verification_id, events.c.body),
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
    """Return events of a tenant, the latest first, optionally only those after the position `after`."""
    of_tenant = select(providers.c.id).where(providers.c.tenant == tenant)
    if criteria.provider_id is not None:
        of_tenant = of_tenant.where(providers.c.id == criteria.provider_id)
    run_ids = _runs(connection, tenant, criteria)
    branches = [
        branch
        for provider_id in connection.execute(of_tenant).scalars().all()
        for branch in _branches(provider_id, criteria, run_ids)
    ]
    if not branches:
        return []
    statement = pages.page(_SELECT, _ORDER, branches, limit=limit, after=after)
    return [_event(row) for row in connection.execute(statement)]


def _runs(connection: Connection, tenant: str, criteria: EventFilter) -> list[str] | None:
    """Return the runs that the filter names, by their ids or by a verification's; None if it names none."""
    named = [] if criteria.run_id is None else [criteria.run_id]
    if criteria.verification_id is None:
        return named or None
    of_verification = select(verifications.c.run_id).where(
        verifications.c.id == criteria.verification_id, verifications.c.tenant == tenant
    )
    run_id = connection.execute(of_verification).scalar()
    return [] if run_id is None or named not in ([], [run_id]) else [run_id]


def _branches(provider_id: str, criteria: EventFilter, run_ids: Sequence[str] | None) -> Iterator[Branch]:
    of_provider = events.c.provider_id == provider_id
    states = STATES if criteria.state is None else (criteria.state,)
    kinds = [] if criteria.kind is None else [criteria.kind]
    period = list(_period(criteria))
    if run_ids is None:
        of_kind = [events.c.kind == kind for kind in kinds]
        yield from (Branch(_ORDER, [of_provider, events.c.state == state, *of_kind, *period]) for state in states)
        return
    chosen = [unindexed(events.c.state).in_(states), *(unindexed(events.c.kind) == kind for kind in kinds), *period]
    yield from (
        Branch(_ORDER, [unindexed(events.c.provider_id) == provider_id, events.c.run_id == run_id, *chosen])
        for run_id in run_ids
    )


def _period(criteria: EventFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.since is not None:
        yield events.c.received_at >= criteria.since
    if criteria.before is not None:
        yield events.c.received_at < criteria.before


def _event(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    return StoredEvent(*row)
