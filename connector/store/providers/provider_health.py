"""Statements on the last checks of providers.

change of a provider ──► due soon ──► sweep: queued, due again ──► begin (lease) ──► record
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, case, or_, select, update

from connector.domain.frozen import frozen
from connector.domain.messages import Message, packed, unpacked
from connector.domain.providers.health import Health
from connector.domain.providers.readiness import Check
from connector.domain.stored import known_fields
from connector.store.dialect import insert
from connector.store.models import events, provider_health, providers
from connector.store.providers.events import STATES

_T = provider_health.c
_PUT = insert(
    provider_health,
    lambda statement: statement.on_conflict_do_update(
        index_elements=[_T.provider_id], set_={"due_at": statement.excluded.due_at}
    ),
)
_LAST_EVENTS = tuple(
    select(events.c.received_at)
    .where(events.c.provider_id == providers.c.id, events.c.state == state)
    .order_by(events.c.received_at.desc())
    .limit(1)
    .scalar_subquery()
    .label(f"last_{state}")
    for state in STATES
)
_FIELDS = (_T.lease_until, _T.tried_at, _T.is_answered, _T.checked_at, _T.is_good, _T.good_at, _T.checks, _T.details)
_SELECT = select(providers.c.id, providers.c.name, providers.c.updated_at, *_FIELDS, *_LAST_EVENTS)


@frozen
class DueProvider:
    """A provider whose check is due, and since when."""

    tenant: str
    provider_id: str
    due_at: datetime


def put_due(connection: Connection, provider_id: str, due_at: datetime) -> None:
    """Set the time at which a provider, which the transaction has added or locked, is to be checked."""
    connection.execute(_PUT(connection), {"provider_id": provider_id, "due_at": due_at})


def take_due(connection: Connection, now: datetime, next_at: datetime, limit: int) -> list[DueProvider]:
    """Return some providers whose check is due, and make them due again at `next_at`.

    Rows that another transaction has locked are skipped.
    """
    due = select(_T.provider_id, _T.due_at).where(_T.due_at <= now).order_by(_T.due_at).limit(limit)
    rows = connection.execute(due.with_for_update(skip_locked=True)).all()
    since = {row.provider_id: row.due_at for row in rows}
    if not since:
        return []
    connection.execute(update(provider_health).where(_T.provider_id.in_(since)).values(due_at=next_at))
    due_providers = connection.execute(select(providers.c.id, providers.c.tenant).where(providers.c.id.in_(since)))
    return [DueProvider(row.tenant, row.id, since[row.id]) for row in due_providers]


def begin(connection: Connection, provider_id: str, owner: str, now: datetime, until: datetime) -> bool:
    """Start a check; False if another one is in progress, or the provider is gone."""
    is_free = or_(_T.lease_until.is_(None), _T.lease_until <= now)
    statement = update(provider_health).where(_T.provider_id == provider_id, is_free)
    return connection.execute(statement.values(owner=owner, lease_until=until)).rowcount == 1


def lock(connection: Connection, provider_id: str, tenant: str) -> Health | None:
    """Lock and return the health of a provider of the tenant; None if the provider is gone."""
    held = connection.execute(select(_T.provider_id).where(_T.provider_id == provider_id).with_for_update())
    return None if held.one_or_none() is None else find(connection, provider_id, tenant)


def record(connection: Connection, provider_id: str, tried_at: datetime, values: dict[str, Any]) -> None:
    """Record a check of a locked row."""
    statement = update(provider_health).where(_T.provider_id == provider_id)
    connection.execute(statement.values(tried_at=tried_at, **values))


def end(connection: Connection, provider_id: str, owner: str) -> None:
    """End a check, whether it was recorded or not."""
    statement = update(provider_health).where(_T.provider_id == provider_id, _T.owner == owner)
    connection.execute(statement.values(owner=None, lease_until=None))


def put_due_by(connection: Connection, provider_id: str, due_at: datetime) -> None:
    """Set the latest time at which a provider is to be checked again."""
    sooner = case((_T.due_at < due_at, _T.due_at), else_=due_at)
    connection.execute(update(provider_health).where(_T.provider_id == provider_id).values(due_at=sooner))


def find(connection: Connection, provider_id: str, tenant: str, now: datetime | None = None) -> Health | None:
    """Return the health of a provider of the tenant; None if there is no such provider."""
    statement = _joined().where(providers.c.id == provider_id, providers.c.tenant == tenant)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _health(row, now)


def find_all(connection: Connection, tenant: str, now: datetime) -> list[Health]:
    """Return the health of all providers of the tenant, ordered by name."""
    statement = _joined().where(providers.c.tenant == tenant).order_by(providers.c.name, providers.c.id)
    return [_health(row, now) for row in connection.execute(statement)]


def checks_columns(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the values of the columns: the checks in English, and their details in a form that can be translated."""
    details = {check.name: packed(check.detail) for check in checks if isinstance(check.detail, Message)}
    return {"checks": [asdict(check) for check in checks], "details": details}


def _check(stored: dict[str, Any], details: dict[str, Any]) -> Check:
    check = Check(**known_fields(Check, stored))
    return replace(check, detail=unpacked(details.get(check.name), check.detail))


def _joined() -> Select[Any]:
    return _SELECT.join(provider_health, _T.provider_id == providers.c.id, isouter=True)


def _health(row: Row[Any], now: datetime | None) -> Health:
    return Health(
        provider_id=row.id,
        provider_name=row.name,
        changed_at=row.updated_at,
        is_checking=None not in (now, row.lease_until) and row.lease_until > now,
        tried_at=row.tried_at,
        is_answered=row.is_answered,
        checked_at=row.checked_at,
        is_good=row.is_good,
        good_at=row.good_at,
        checks=tuple(_check(each, row.details or {}) for each in row.checks or ()),
        last_event_at=max((at for state in STATES if (at := getattr(row, f"last_{state}")) is not None), default=None),
    )
