"""Statements on the outbox for those who look after it: list deliveries, deliver one again, drop one.

Each takes a tenant, and then sees and changes rows of that tenant only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, literal_column, update

from connector.domain.deliveries import DeliveryFilter
from connector.store import pages
from connector.store.dialect import from_now
from connector.store.models import outbox
from connector.store.outbox import DONE, READY, ROW, OutboxRow, is_for
from connector.store.pages import Branch, Order, Position, unindexed
from connector.store.wake_up import NOTIFY, announce


@dataclass(frozen=True)
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
    """Return deliveries of a tenant, the latest first, those behind the position `after` where one is given."""
    branches = [Branch(_ORDER, _conditions(tenant, criteria, state)) for state in criteria.states]
    statement = pages.page(ROW, _ORDER, branches, limit=limit, after=after)
    return [OutboxRow(**row._asdict()) for row in connection.execute(statement)]


def _conditions(tenant: str, criteria: DeliveryFilter, state: str) -> list[ColumnElement[bool]]:
    is_narrow = criteria.verification_ids is not None  # few rows, which are found by these
    of_tenant = unindexed(outbox.c.tenant) if is_narrow else outbox.c.tenant
    conditions = [of_tenant == tenant, outbox.c.state == literal_column(f"'{state}'")]
    if criteria.verification_ids is not None:
        conditions.append(outbox.c.verification_id.in_(criteria.verification_ids))
    if criteria.verification_id is not None:
        conditions.append(outbox.c.verification_id == criteria.verification_id)
    if criteria.endpoint_id is not None:
        conditions.append(is_for(criteria.endpoint_id))
    if criteria.since is not None:
        conditions.append(outbox.c.created_at >= criteria.since)
    if criteria.before is not None:
        conditions.append(outbox.c.created_at < criteria.before)
    return conditions


def retry(connection: Connection, delivery_id: str, tenant: str | None = None) -> Managed | None:
    """Make a dead or waiting row, or a notice, due at once, with its full number of attempts; None where there is none.

    With a tenant, only a row of that tenant.
    """
    statement = update(outbox).where(_of(delivery_id, tenant), _IS_OPEN | outbox.c.endpoint_id.is_not(None))
    values = {"state": READY, "attempts": 0, "due_at": from_now(0), "settled_at": None}
    notify = [NOTIFY] if announce(connection) and connection.dialect.name == "postgresql" else []
    row = connection.execute(statement.values(values).returning(*_OWN, *notify)).one_or_none()
    return None if row is None else Managed(*row[: len(_OWN)])


def drop(connection: Connection, delivery_id: str, tenant: str | None = None) -> Managed | None:
    """Remove a row undelivered; None where there is none. With a tenant, only a row of that tenant."""
    statement = delete(outbox).where(_of(delivery_id, tenant), _IS_OPEN)
    row = connection.execute(statement.returning(*_OWN)).one_or_none()
    return None if row is None else Managed(*row)


_IS_OPEN = outbox.c.state != DONE


def _of(delivery_id: str, tenant: str | None) -> ColumnElement[bool]:
    """Return the condition for one row, of a tenant where one is given."""
    is_it = outbox.c.id == delivery_id
    return is_it if tenant is None else and_(is_it, outbox.c.tenant == tenant)
