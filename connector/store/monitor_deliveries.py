"""The deliveries about watchlist monitors, queued only where a monitor may stand, or is to stand.

a transaction ──► queue ──► INSERT … SELECT, where a provider has the setting or a monitor is recorded at that moment
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, bindparam, literal, or_, select

from connector.store import batch
from connector.store.dialect import Extended, Insert, from_now, insert, new_id
from connector.store.models import outbox, providers, watchlist_monitors
from connector.store.outbox import READY
from connector.store.wake_up import NOTIFY, announce


@dataclass(frozen=True)
class MonitorPayload:
    """The beginning of a payload about monitors; without a provider or a user it concerns all of them."""

    kind: ClassVar[str]
    tenant: str
    provider_id: str | None
    user_id: str | None


def _param(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return bindparam(f"of_{name}", type_=column.type)


def _is_concerned() -> ColumnElement[bool]:
    """Return the condition that a provider of the tenant has the setting, or that a monitor is recorded."""
    of_provider = _param("provider", outbox.c.provider_id)
    of_user = _param("user", watchlist_monitors.c.user_id)
    tenant = _param("tenant", outbox.c.tenant)
    configured = select(literal(1)).where(
        providers.c.tenant == tenant,
        or_(of_provider.is_(None), providers.c.id == of_provider),
        providers.c.studio["watchlist_monitor"].as_string().is_not(None),
    )
    recorded = select(literal(1)).where(
        watchlist_monitors.c.tenant == tenant,
        or_(of_provider.is_(None), watchlist_monitors.c.provider_id == of_provider),
        or_(of_user.is_(None), watchlist_monitors.c.user_id == of_user),
    )
    return or_(configured.exists(), recorded.exists())


_COLUMNS = ("id", "tenant", "provider_id", "kind", "payload", "state", "attempts", "history", "due_at", "created_at")


def _where_concerned(statement: Insert) -> Insert:
    values = select(
        new_id(),
        _param("tenant", outbox.c.tenant),
        _param("provider", outbox.c.provider_id),
        _param("kind", outbox.c.kind),
        _param("payload", outbox.c.payload),
        literal(READY),
        literal(0),
        literal([], outbox.c.history.type),
        from_now(0),
        from_now(0),
    ).where(_is_concerned())
    queued: Any = statement.from_select(_COLUMNS, values, include_defaults=False)
    return queued  # type: ignore[no-any-return]


_QUEUE = insert(outbox, _where_concerned)
_QUEUE_AND_NOTIFY = insert(outbox, _where_concerned, on_postgresql=[NOTIFY])


def queue(connection: Connection, orders: Sequence[MonitorPayload]) -> None:
    """Queue deliveries, each where it concerns anything."""
    if orders:
        statement: Extended = (_QUEUE_AND_NOTIFY if announce(connection) else _QUEUE)(connection)
        for order in orders:  # they wait for each other, and travel together
            batch.execute(connection, statement, _parameters(order))


def _parameters(order: MonitorPayload) -> dict[str, Any]:
    return {
        "of_tenant": order.tenant,
        "of_provider": order.provider_id,
        "of_user": order.user_id,
        "of_kind": order.kind,
        "of_payload": asdict(order),
    }
