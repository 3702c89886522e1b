"""The deliveries about watchlist monitors, queued only if a monitor may exist, or is required.

a transaction ──► queue ──► INSERT … SELECT, if a provider has the setting or a monitor is recorded at that moment
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, bindparam, literal, or_, select

from connector.store import queueing
from connector.store.models import outbox, providers, watchlist_monitors


@dataclass(frozen=True)
class MonitorPayload:
    """The base of a payload about monitors: of a user, of a provider, or of a user with one provider."""

    kind: ClassVar[str]
    tenant: str
    provider_id: str | None
    user_id: str | None


def _param(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return bindparam(f"of_{name}", type_=column.type)


_M = watchlist_monitors
_HAS_SETTING = providers.c.studio["watchlist_monitor"].as_string().is_not(None)
_IN_TENANT = (_M.c.tenant == _param("tenant", _M.c.tenant), providers.c.tenant == _param("tenant", _M.c.tenant))
_OF_PROVIDER = (
    _M.c.provider_id == _param("provider", outbox.c.provider_id),
    providers.c.id == _param("provider", outbox.c.provider_id),
)
_OF_USER = _M.c.user_id == _param("user", _M.c.user_id)


def _is_concerned(recorded: Sequence[ColumnElement[bool]], configured: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a monitor is recorded, or that a provider has the setting.

    The first part uses an index; with EXISTS, PostgreSQL would scan the table.
    """
    first = select(_M.c.user_id).where(*recorded).order_by(_M.c.user_id).limit(1)
    return or_(
        first.scalar_subquery().is_not(None),
        select(literal(1)).where(configured, _HAS_SETTING).exists(),
    )


def _insertions(recorded: Sequence[ColumnElement[bool]], configured: ColumnElement[bool]) -> queueing.Statements:
    provider = {"provider_id": queueing.parameter("provider", "provider_id")}
    return queueing.insertions(provider, _is_concerned(recorded, configured))


_QUEUE = {  # by what a payload names: a provider, a user
    (True, True): _insertions([_OF_PROVIDER[0], _OF_USER], _OF_PROVIDER[1]),
    (False, True): _insertions([_IN_TENANT[0], _OF_USER], _IN_TENANT[1]),
    (True, False): _insertions([_OF_PROVIDER[0]], _OF_PROVIDER[1]),
}


def queue(connection: Connection, orders: Sequence[MonitorPayload]) -> None:
    """Queue deliveries, each if a monitor is recorded or a provider has the setting."""
    for order in orders:
        statements = _QUEUE[order.provider_id is not None, order.user_id is not None]
        queueing.add(connection, statements, order.tenant, order, provider=order.provider_id, user=order.user_id)
