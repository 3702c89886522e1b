"""Statements for the administration of deliveries: list, count, retry and drop.

Each takes a tenant, and then only sees and changes rows of that tenant.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    and_,
    delete,
    literal,
    literal_column,
    select,
    union_all,
    update,
)

from connector.domain.deliveries import KINDS, STATES, DeliveryFilter, KindCount
from connector.domain.frozen import frozen
from connector.store import pages
from connector.store.deliveries.outbox import DONE, READY, ROW, OutboxRow, is_for
from connector.store.dialect import from_now
from connector.store.models import outbox
from connector.store.pages import Branch, Order, Position, unindexed
from connector.store.wake_up import NOTIFY, announce


@frozen
class Managed:
    """A row that was retried or dropped."""

    kind: str
    tenant: str | None
    provider_id: str | None
    verification_id: str | None


_OWN = tuple(outbox.c[name] for name in ("kind", "tenant", "provider_id", "verification_id"))
_ORDER = Order(outbox.c.created_at, outbox.c.id)


def find(connection: Connection, tenant: str, delivery_id: str) -> OutboxRow | None:
    """Return a delivery of a tenant."""
    row = connection.execute(ROW.where(outbox.c.tenant == tenant, outbox.c.id == delivery_id)).one_or_none()
    return None if row is None else OutboxRow(**row._asdict())


def find_page(
    connection: Connection, tenant: str, criteria: DeliveryFilter, limit: int, after: Position | None = None
) -> list[OutboxRow]:
    """Return deliveries of a tenant, the latest first, optionally only those after the position `after`."""
    branches = [Branch(_ORDER, conditions) for conditions in _branches(tenant, criteria)]
    statement = pages.page(ROW, _ORDER, branches, limit=limit, after=after)
    return [OutboxRow(**row._asdict()) for row in connection.execute(statement)]


def count(connection: Connection, tenant: str, criteria: DeliveryFilter, most: int) -> int:
    """Return the number of a tenant's deliveries, up to `most`."""
    branches = [Branch(_ORDER, conditions) for conditions in _branches(tenant, criteria)]
    number: int = connection.execute(pages.count(branches, most)).scalar_one()
    return number


def count_by_kind(connection: Connection, tenant: str, provider_id: str | None, most: int) -> list[KindCount]:
    """Return the numbers of a tenant's deliveries by kind, each up to `most`; kinds without any are left out."""
    counts: dict[str, dict[str, int]] = {}
    for kind, state, number in connection.execute(_count_by_kind(tenant, provider_id, most)):
        counts.setdefault(kind, {})[state] = number
    return [KindCount(kind, **by_state) for kind, by_state in counts.items() if any(by_state.values())]


def _count_by_kind(tenant: str, provider_id: str | None, most: int) -> CompoundSelect[Any]:
    """Return one statement with a separate count for each kind, because a GROUP BY cannot stop at `most`."""
    return union_all(
        *(
            select(literal(kind), literal(state), pages.count([Branch(_ORDER, conditions)], most).scalar_subquery())
            for kind, state in product(KINDS, STATES)
            for conditions in [_of_kind(tenant, provider_id, kind, state)]
        )
    )


def _branches(tenant: str, criteria: DeliveryFilter) -> Iterator[list[ColumnElement[bool]]]:
    """Yield conditions for which an index has the order of the list: a provider's rows are indexed by kind."""
    is_by_kind = criteria.kind is not None or criteria.provider_id is not None
    for state in criteria.states:
        if _is_narrow(criteria):
            yield [*_narrow(tenant, criteria, state), *_period(criteria)]
        elif is_by_kind:
            for kind in KINDS if criteria.kind is None else (criteria.kind,):
                yield [*_of_kind(tenant, criteria.provider_id, kind, state), *_period(criteria)]
        else:
            yield [outbox.c.tenant == tenant, _is(state), *_period(criteria)]


def _is_narrow(criteria: DeliveryFilter) -> bool:
    """Whether the filter selects by something with an index: verifications, or an endpoint."""
    return any(each is not None for each in (criteria.verification_ids, criteria.verification_id, criteria.endpoint_id))


def _narrow(tenant: str, criteria: DeliveryFilter, state: str) -> list[ColumnElement[bool]]:
    conditions = [unindexed(outbox.c.tenant) == tenant, _is(state)]
    if criteria.verification_ids is not None:
        conditions.append(outbox.c.verification_id.in_(criteria.verification_ids))
    if criteria.verification_id is not None:
        conditions.append(outbox.c.verification_id == criteria.verification_id)
    if criteria.endpoint_id is not None:
        conditions.append(is_for(criteria.endpoint_id))
    if criteria.provider_id is not None:
        conditions.append(unindexed(outbox.c.provider_id) == criteria.provider_id)
    if criteria.kind is not None:
        conditions.append(unindexed(outbox.c.kind) == criteria.kind)
    return conditions


def _of_kind(tenant: str, provider_id: str | None, kind: str, state: str) -> list[ColumnElement[bool]]:
    of_kind = [outbox.c.kind == kind, _is(state)]
    if provider_id is None:
        return [outbox.c.tenant == tenant, *of_kind]
    return [outbox.c.provider_id == provider_id, unindexed(outbox.c.tenant) == tenant, *of_kind]


def _period(criteria: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.since is not None:
        yield outbox.c.created_at >= criteria.since
    if criteria.before is not None:
        yield outbox.c.created_at < criteria.before


def _is(state: str) -> ColumnElement[bool]:
    return outbox.c.state == literal_column(f"'{state}'")


def retry(connection: Connection, delivery_id: str, tenant: str | None = None) -> Managed | None:
    """Make a dead or waiting row, or a notice, due at once, with its full number of attempts; None if there is none.

    With a tenant, only a row of that tenant.
    """
    statement = update(outbox).where(_of(delivery_id, tenant), _IS_OPEN | outbox.c.endpoint_id.is_not(None))
    values = {"state": READY, "attempts": 0, "due_at": from_now(0), "settled_at": None}
    notify = [NOTIFY] if announce(connection) and connection.dialect.name == "postgresql" else []
    row = connection.execute(statement.values(values).returning(*_OWN, *notify)).one_or_none()
    return None if row is None else Managed(*row[: len(_OWN)])


def drop(connection: Connection, delivery_id: str, tenant: str | None = None) -> Managed | None:
    """Remove a row undelivered; None if there is none. With a tenant, only a row of that tenant."""
    statement = delete(outbox).where(_of(delivery_id, tenant), _IS_OPEN)
    row = connection.execute(statement.returning(*_OWN)).one_or_none()
    return None if row is None else Managed(*row)


_IS_OPEN = outbox.c.state != DONE


def _of(delivery_id: str, tenant: str | None) -> ColumnElement[bool]:
    """Return the condition for one row, optionally of a tenant."""
    is_it = outbox.c.id == delivery_id
    return is_it if tenant is None else and_(is_it, outbox.c.tenant == tenant)
