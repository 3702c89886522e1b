"""Statements on the levels at which users are, as streams were told last, and on the orders to look at them again.

a transaction ──► queue ──► INSERT … SELECT, where the tenant has a stream at that moment
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, bindparam, delete, literal, select

from connector import tracing
from connector.store import batch
from connector.store.dialect import Insert, from_now, insert, new_id
from connector.store.models import outbox
from connector.store.outbox import READY
from connector.store.signal_models import signal_levels, signal_streams
from connector.store.signal_streams import is_of_tenant
from connector.store.wake_up import NOTIFY, announce

_T = signal_levels.c
_OF_USER = (_T.tenant == bindparam("of_tenant"), _T.user_id == bindparam("of_user"))


@dataclass(frozen=True)
class LevelPayload:
    """The beginning of a payload about levels, which is queued only for a tenant that has a stream."""

    kind: ClassVar[str]
    tenant: str


def _param(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return bindparam(f"of_{name}", type_=column.type)


def _where_streams(statement: Insert) -> Insert:
    values = select(
        new_id(),
        _param("tenant", outbox.c.tenant),
        _param("kind", outbox.c.kind),
        _param("payload", outbox.c.payload),
        literal(READY),
        literal(0),
        literal([], outbox.c.history.type),
        from_now(0),
        from_now(0),
        _param("traceparent", outbox.c.traceparent),
    ).where(is_of_tenant(_param("tenant", signal_streams.c.tenant)))
    names = ("id", "tenant", "kind", "payload", "state", "attempts", "history", "due_at", "created_at", "traceparent")
    queued: Any = statement.from_select(names, values, include_defaults=False)
    return queued  # type: ignore[no-any-return]


_QUEUE = insert(outbox, _where_streams)
_QUEUE_AND_NOTIFY = insert(outbox, _where_streams, on_postgresql=[NOTIFY])
_ADD = insert(signal_levels, lambda statement: statement.on_conflict_do_nothing())


def queue(connection: Connection, orders: Sequence[LevelPayload]) -> None:
    """Queue orders, each where its tenant has a stream."""
    if orders:
        statement = (_QUEUE_AND_NOTIFY if announce(connection) else _QUEUE)(connection)
        for order in orders:  # they wait for each other, and travel together
            row = {"of_tenant": order.tenant, "of_kind": order.kind, "of_payload": asdict(order)}
            batch.execute(connection, statement, {**row, "of_traceparent": tracing.traceparent()})


def lock(connection: Connection, tenant: str, user_id: str) -> bool | None:
    """Lock a user's level, and return whether it was the verified one; None where another transaction was quicker."""
    is_new = connection.execute(_ADD(connection), {"tenant": tenant, "user_id": user_id}).rowcount == 1
    user = {"of_tenant": tenant, "of_user": user_id}
    is_there = connection.execute(select(_T.user_id).where(*_OF_USER).with_for_update(), user).one_or_none()
    return None if is_there is None else not is_new


def remove(connection: Connection, tenant: str, user_id: str) -> None:
    """Note that a user is not at the verified level."""
    connection.execute(delete(signal_levels).where(*_OF_USER), {"of_tenant": tenant, "of_user": user_id})


def remove_all(connection: Connection, tenant: str, user_ids: Collection[str] | None = None) -> None:
    """Forget the levels of some users, or of all."""
    some = [] if user_ids is None else [_T.user_id.in_(user_ids)]
    connection.execute(delete(signal_levels).where(_T.tenant == tenant, *some))


def find_known(connection: Connection, tenant: str, user_ids: Collection[str]) -> set[str]:
    """Return those of some users who are at the verified level."""
    statement = select(_T.user_id).where(_T.tenant == tenant, _T.user_id.in_(user_ids))
    return set(connection.execute(statement).scalars())


def add_all(connection: Connection, tenant: str, user_ids: Sequence[str]) -> None:
    """Note that users are at the verified level."""
    if user_ids:
        connection.execute(_ADD(connection), [{"tenant": tenant, "user_id": each} for each in user_ids])


def find_page(connection: Connection, tenant: str, after: str, limit: int) -> list[str]:
    """Return ids of users who are at the verified level, in their order, behind `after`."""
    statement = select(_T.user_id).where(_T.tenant == tenant, _T.user_id > after).order_by(_T.user_id).limit(limit)
    return list(connection.execute(statement).scalars())


def forget_some(connection: Connection, tenant: str, limit: int) -> int:
    """Delete the levels of some users of a tenant that has no stream any more; return how many."""
    some = select(_T.user_id).where(_T.tenant == tenant).order_by(_T.user_id).limit(limit)
    of_tenant = (_T.tenant == tenant, _T.user_id.in_(some.scalar_subquery()))
    return connection.execute(delete(signal_levels).where(*of_tenant, ~is_of_tenant(literal(tenant)))).rowcount


def forget_unused(connection: Connection, tenant: str, user_id: str) -> None:
    """Delete a user's level where the tenant has no stream: else the user's removal is told first."""
    connection.execute(
        delete(signal_levels).where(*_OF_USER, ~is_of_tenant(literal(tenant))),
        {"of_tenant": tenant, "of_user": user_id},
    )
