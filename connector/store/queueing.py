"""Deliveries that are queued only under a condition, which the database checks in the same statement.

a transaction ──► INSERT INTO outbox … SELECT … WHERE condition: inserts no row, and needs no further round trip, if not
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, literal, select

from connector import tracing
from connector.store import batch
from connector.store.dialect import Extended, Insert, from_now, insert, new_id
from connector.store.models import outbox
from connector.store.outbox import READY, Payload
from connector.store.wake_up import NOTIFY, announce

Statements = tuple[Callable[[Connection], Extended], Callable[[Connection], Extended]]


def parameter(name: str, column: str) -> ColumnElement[Any]:
    """Return the parameter `of_<name>` for a column of the outbox."""
    return bindparam(f"of_{name}", type_=outbox.c[column].type)


def insertions(
    columns: Mapping[str, ColumnElement[Any]], *conditions: ColumnElement[bool], is_unique: bool = False
) -> Statements:
    """Return the insertion of due deliveries, without and with a wake-up of the workers.

    The tenant, the kind, the payload and the trace are parameters; `columns` are the others. With `is_unique`, a
    delivery whose dedupe key exists is omitted.
    """
    extend = partial(_selected, columns, conditions, is_unique=is_unique)
    return insert(outbox, extend), insert(outbox, extend, on_postgresql=[NOTIFY])


def _selected(
    columns: Mapping[str, ColumnElement[Any]],
    conditions: Sequence[ColumnElement[bool]],
    statement: Insert,
    *,
    is_unique: bool,
) -> Insert:
    values = {
        "id": new_id(),
        "tenant": parameter("tenant", "tenant"),
        "kind": parameter("kind", "kind"),
        "payload": parameter("payload", "payload"),
        "state": literal(READY),
        "attempts": literal(0),
        "history": literal([], outbox.c.history.type),
        "due_at": from_now(0),
        "created_at": from_now(0),
        "traceparent": parameter("traceparent", "traceparent"),
        **columns,
    }
    selected: Any = statement.from_select(
        list(values), select(*values.values()).where(*conditions), include_defaults=False
    )
    unique: Insert = selected.on_conflict_do_nothing(index_elements=[outbox.c.dedupe_key]) if is_unique else selected
    return unique


def add(
    connection: Connection,
    statements: Statements,
    tenant: str,
    order: Payload,
    payload: Mapping[str, Any] | None = None,
    **others: object,
) -> None:
    """Queue a delivery if the conditions of `statements` hold; it is sent with the statements that follow it.

    `others` are the values of the parameters beside those that `insertions` names.
    """
    parameters = {
        "of_tenant": tenant,
        "of_kind": order.kind,
        "of_payload": asdict(order) if payload is None else payload,
        "of_traceparent": tracing.traceparent(),
    }
    statement = statements[announce(connection)](connection)
    batch.execute(connection, statement, {**parameters, **{f"of_{name}": value for name, value in others.items()}})
