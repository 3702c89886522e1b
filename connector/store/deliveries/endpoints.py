"""Statements on the endpoints of notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, delete, exists, insert, literal, or_, select, update

from connector.domain.frozen import frozen
from connector.domain.notices import Endpoint, EndpointConfig
from connector.store.models import notice_endpoints, notice_subscriptions, providers

_T = notice_endpoints.c
_FIELDS = (
    *(_T.id, _T.tenant, _T.provider_id, _T.url, _T.tasks, _T.is_of_provider, _T.disabled_because, _T.failures),
    *(
        _T.previous_secret_expires_at,
        _T.created_at,
        _T.updated_at,
        _T.failing_since,
        _T.last_status,
        _T.test_accepted_at,
    ),
)
_SECRETS = (_T.secret, _T.previous_secret)


@frozen
class Sealed:
    """The secrets of an endpoint, encrypted; `previous` also signs until it expires."""

    secret: str = field(repr=False)
    previous: str | None = field(repr=False)
    previous_expires_at: datetime | None


def find(connection: Connection, endpoint_id: str, tenant: str | None = None) -> Endpoint | None:
    """Return an endpoint, if it exists; with a tenant only one of that tenant."""
    matches = list(_read(connection, _T.id == endpoint_id, *([] if tenant is None else [_T.tenant == tenant])))
    return matches[0] if matches else None


def find_all(connection: Connection, tenant: str, provider_id: str | None = None) -> list[Endpoint]:
    """Return a tenant's endpoints, the oldest first; with a provider, those that get its events."""
    is_of_provider = [] if provider_id is None else [or_(_T.provider_id == provider_id, _T.provider_id.is_(None))]
    return list(_read(connection, _T.tenant == tenant, *is_of_provider))


def find_own(connection: Connection, provider_id: str) -> Endpoint | None:
    """Return the endpoint in a provider's configuration."""
    matches = list(_read(connection, _T.provider_id == provider_id, _T.is_of_provider.is_(True)))
    return matches[0] if matches else None


def lock(connection: Connection, endpoint_id: str, tenant: str | None = None) -> Endpoint | None:
    """Lock an endpoint and return it."""
    connection.execute(select(_T.id).where(_T.id == endpoint_id).with_for_update())
    return find(connection, endpoint_id, tenant)


def find_secrets(connection: Connection, endpoint_id: str) -> Sealed:
    """Return an endpoint's secrets, encrypted."""
    statement = select(*_SECRETS, _T.previous_secret_expires_at).where(_T.id == endpoint_id)
    return Sealed(*connection.execute(statement).one())


def add(
    connection: Connection,
    endpoint_id: str,
    tenant: str,
    config: EndpointConfig,
    secret: str,
    now: datetime,
    *,
    is_of_provider: bool = False,
) -> None:
    """Insert an endpoint."""
    row = {"id": endpoint_id, "tenant": tenant, "provider_id": config.provider_id, "is_of_provider": is_of_provider}
    times = {"created_at": now, "updated_at": now}
    values = row | times | {"url": config.url, "tasks": list(config.tasks), "secret": secret, "failures": 0}
    connection.execute(insert(notice_endpoints), values)
    _subscribe(connection, endpoint_id, config.events)


def change(
    connection: Connection, endpoint_id: str, values: Mapping[str, Any], events: Sequence[str] | None = None
) -> None:
    """Change columns of an endpoint, and the events that it has chosen; another address has accepted no test yet."""
    tested = {"test_accepted_at": case((_T.url == values["url"], _T.test_accepted_at))} if "url" in values else {}
    connection.execute(update(notice_endpoints).where(_T.id == endpoint_id).values({**values, **tested}))
    if events is not None:
        connection.execute(delete(notice_subscriptions).where(notice_subscriptions.c.endpoint_id == endpoint_id))
        _subscribe(connection, endpoint_id, events)


def count_failure(connection: Connection, endpoint_id: str, status: int | None, now: datetime) -> int:
    """Count a failure of an endpoint; return the number of consecutive failures, 0 if there is no such endpoint."""
    since = case((_T.failures == 0, literal(now, _T.failing_since.type)), else_=_T.failing_since)
    failed = {"failures": _T.failures + 1, "failing_since": since, "last_status": status}
    statement = update(notice_endpoints).where(_T.id == endpoint_id).values(failed)
    return connection.execute(statement.returning(_T.failures)).scalar_one_or_none() or 0


def accept_test(connection: Connection, endpoint: Endpoint, now: datetime) -> bool:
    """Record that an endpoint has accepted a test; False if it was removed or has another address by now."""
    accepted = {"test_accepted_at": now, "failures": 0}
    is_same = (_T.id == endpoint.endpoint_id, _T.url == endpoint.config.url)
    return connection.execute(update(notice_endpoints).where(*is_same).values(accepted)).rowcount == 1


def remove(connection: Connection, endpoint_id: str) -> None:
    """Delete an endpoint."""
    connection.execute(delete(notice_endpoints).where(_T.id == endpoint_id))


def is_notified(*events: str) -> ColumnElement[bool]:
    """Return the condition of a provider with a notice endpoint besides that of its configuration."""
    chosen = select(notice_subscriptions.c.endpoint_id).where(
        notice_subscriptions.c.endpoint_id == _T.id, or_(*(notice_subscriptions.c.event == event for event in events))
    )
    return exists().where(
        _T.tenant == providers.c.tenant,
        or_(_T.provider_id.is_(None), _T.provider_id == providers.c.id),
        _T.disabled_because.is_(None),
        _T.is_of_provider.is_(False),
        chosen.exists(),
    )


def _subscribe(connection: Connection, endpoint_id: str, events: Sequence[str]) -> None:
    rows = [{"endpoint_id": endpoint_id, "event": event} for event in events]
    connection.execute(insert(notice_subscriptions), rows)


def _read(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[Endpoint]:
    rows = connection.execute(select(*_FIELDS).where(*conditions).order_by(_T.created_at, _T.id)).all()
    of_these = notice_subscriptions.c.endpoint_id.in_([row.id for row in rows])
    chosen: dict[str, list[str]] = {row.id: [] for row in rows}
    for endpoint_id, event in connection.execute(
        select(notice_subscriptions.c.endpoint_id, notice_subscriptions.c.event)
        .where(of_these)
        .order_by(notice_subscriptions.c.event)
    ):
        chosen[endpoint_id].append(event)
    return (_endpoint(row, chosen[row.id]) for row in rows)


def _endpoint(row: Row[*tuple[Any, ...]], events: Sequence[str]) -> Endpoint:
    config = EndpointConfig(row.url, tuple(events), row.provider_id, tuple(row.tasks), row.disabled_because is None)
    return Endpoint(
        row.id,
        row.tenant,
        config,
        row.is_of_provider,
        row.disabled_because,
        row.failures,
        row.previous_secret_expires_at,
        row.created_at,
        row.updated_at,
        row.failing_since if row.failures else None,
        row.last_status if row.failures else None,
        row.test_accepted_at,
    )
