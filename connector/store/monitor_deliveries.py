"""The deliveries about watchlist monitors, queued only if a monitor may exist, or is required.

a transaction ──► queue ──► INSERT … SELECT, if a provider has the setting or a monitor is recorded at that moment
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, bindparam, literal, or_, select

from connector.store import batch
from connector.store.dialect import Extended, Insert, from_now, insert, new_id
from connector.store.models import outbox, providers, watchlist_monitors
from connector.store.outbox import READY
from connector.store.wake_up import NOTIFY, announce


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


_COLUMNS = ("id", "tenant", "provider_id", "kind", "payload", "state", "attempts", "history", "due_at", "created_at")


def _where(is_concerned: ColumnElement[bool], statement: Insert) -> Insert:
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
    ).where(is_concerned)
    queued: Any = statement.from_select(_COLUMNS, values, include_defaults=False)
    return queued  # type: ignore[no-any-return]


def _statements(
    recorded: Sequence[ColumnElement[bool]], configured: ColumnElement[bool]
) -> Sequence[Callable[[Connection], Extended]]:
    """Return the insertion, without and with a wake-up of the workers."""
    extend = partial(_where, _is_concerned(recorded, configured))
    return insert(outbox, extend), insert(outbox, extend, on_postgresql=[NOTIFY])


_QUEUE = {  # by what a payload names: a provider, a user
    (True, True): _statements([_OF_PROVIDER[0], _OF_USER], _OF_PROVIDER[1]),
    (False, True): _statements([_IN_TENANT[0], _OF_USER], _IN_TENANT[1]),
    (True, False): _statements([_OF_PROVIDER[0]], _OF_PROVIDER[1]),
}


def queue(connection: Connection, orders: Sequence[MonitorPayload]) -> None:
    """Queue deliveries, each if a monitor is recorded or a provider has the setting."""
    wakes_up = bool(orders) and announce(connection)
    for order in orders:  # these are sent together
        statement = _QUEUE[order.provider_id is not None, order.user_id is not None][wakes_up]
        batch.execute(connection, statement(connection), _parameters(order))


def _parameters(order: MonitorPayload) -> dict[str, Any]:
    return {
        "of_tenant": order.tenant,
        "of_provider": order.provider_id,
        "of_user": order.user_id,
        "of_kind": order.kind,
        "of_payload": asdict(order),
    }
