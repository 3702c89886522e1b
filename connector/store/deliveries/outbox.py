"""Statements on the outbox: deliveries, each made at least once, by the worker that leases it.

    ready ──lease──► ready, leased ──settle──► done
      ▲                   │                └──► dead   (too many attempts, or a permanent failure)
      └── due again, later ┘

Once a lease has expired, the row can be leased again. All times are the database's, so that workers on several hosts
agree.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    delete,
    false,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from connector import tracing
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.store import batch, pages
from connector.store.batch import Answer
from connector.store.dialect import Extended, Insert, from_now, insert
from connector.store.free_rows import lock_free
from connector.store.models import outbox
from connector.store.pages import Branch, Order, Position
from connector.store.wake_up import NOTIFY, announce

READY, DONE, DEAD = "ready", "done", "dead"


class Payload(Protocol):
    """A delivery: a small frozen dataclass of ids, some of which are also columns; `kind` selects the handler."""

    kind: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


@frozen
class Delivery:
    """A leased row; `attempts` includes this one, `history` has the failed ones."""

    delivery_id: str
    kind: str
    payload: Mapping[str, Any]
    attempts: int
    history: Sequence[Mapping[str, Any]]
    endpoint_id: str | None
    traceparent: str | None


@frozen
class OutboxRow(Delivery):
    """A row for administrators; `answer` is the start of the receiver's latest answer, encrypted."""

    state: str
    due_at: datetime
    created_at: datetime
    settled_at: datetime | None
    tenant: str | None
    provider_id: str | None
    verification_id: str | None
    answer: str | None


_ORDER = Order(outbox.c.due_at, outbox.c.id, is_rising=True)
ROW = select(
    outbox.c.id.label("delivery_id"),
    *(outbox.c[name] for name in ("kind", "payload", "attempts", "history", "endpoint_id", "traceparent")),
    *(outbox.c[name] for name in ("state", "due_at", "created_at", "settled_at", "tenant", "provider_id")),
    *(outbox.c[name] for name in ("verification_id", "answer")),
)


def _due_now(statement: Insert) -> Insert:
    due = statement.values(due_at=from_now(0), created_at=from_now(0))
    return due.on_conflict_do_nothing(index_elements=[outbox.c.dedupe_key])


_ADD = insert(outbox, _due_now)
_ADD_AND_NOTIFY = insert(outbox, _due_now, on_postgresql=[NOTIFY])


def insertion(connection: Connection) -> Extended:
    """Return the statement that inserts deliveries; the workers are woken when its transaction commits."""
    return (_ADD_AND_NOTIFY if announce(connection) else _ADD)(connection)


def add(connection: Connection, payload: Payload, *, dedupe_key: str | None = None, pause: float = 0.0) -> None:
    """Insert a delivery in the transaction that causes it, unless its dedupe key exists; it is due after a pause."""
    key = dedupe_key or (f"{payload.kind}:{uuid.uuid4()}" if pause else None)  # by which it is found again
    batch.execute(connection, insertion(connection), _row(payload, key))
    if pause and key:
        delay(connection, key, pause)


def delay(connection: Connection, dedupe_key: str, seconds: float) -> None:
    """Postpone a delivery of this transaction by some seconds."""
    statement = update(outbox).where(outbox.c.dedupe_key == dedupe_key, outbox.c.state == READY)
    connection.execute(statement.values(due_at=from_now(seconds)))


def add_all(connection: Connection, payloads: Sequence[Payload], dedupe_keys: Sequence[str | None] = ()) -> None:
    """Insert many deliveries at once, of any kinds, except those whose dedupe key exists."""
    keys = dedupe_keys or [None] * len(payloads)
    rows = [_row(payload, key) for payload, key in zip(payloads, keys, strict=True)]
    if rows:
        batch.execute_all(connection, insertion(connection), rows)


def lease(
    connection: Connection,
    owner: str,
    kinds: Collection[str],
    *,
    limit: int,
    seconds: float,
    is_untried: bool = False,
    tried_kinds: Collection[str] = (),
) -> Sequence[Delivery]:
    """Lease up to `limit` due rows for some seconds; no row is leased by two workers.

    `is_untried` leaves out rows with earlier attempts; `tried_kinds` adds such rows of further kinds.
    """
    statement = _leasing(tuple(kinds), limit, seconds, is_untried, tuple(tried_kinds))
    return batch.execute(connection, statement, {"owner": owner}).each(lambda row: Delivery(*row))


@cache
def _leasing(
    kinds: Sequence[str], limit: int, seconds: float, is_untried: bool, tried_kinds: Sequence[str]
) -> ReturningUpdate[Any]:
    meant = _are_meant(kinds, is_untried=is_untried, tried_kinds=tried_kinds)
    return leasing(outbox.c.endpoint_id.is_(None), meant, limit=limit, seconds=seconds)


def leasing(*conditions: ColumnElement[bool], limit: int, seconds: float) -> ReturningUpdate[Any]:
    """Return the statement that leases rows which are due, free and meet the conditions.

    They are locked in a CTE, because PostgreSQL may evaluate `IN (SELECT … LIMIT n)` again for other rows.
    """
    now, of, lease_until = from_now(0), outbox.c, outbox.c.lease_until
    picked = (
        select(of.id)
        .where(is_in(READY), of.due_at <= now, lease_until.is_(None) | (lease_until <= now), *conditions)
        .order_by(of.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    return (
        update(outbox)
        .where(outbox.c.id == picked.c.id)
        .values(lease_until=from_now(seconds), attempts=outbox.c.attempts + 1)
        .returning(*LEASED)
    )


def _are_meant(kinds: Collection[str], *, is_untried: bool, tried_kinds: Collection[str]) -> ColumnElement[bool]:
    meant = _is_one_of(kinds)
    if is_untried:
        return and_(meant, outbox.c.attempts == 0)
    if tried_kinds:
        return or_(meant, and_(_is_one_of(tried_kinds), outbox.c.attempts > 0))
    return meant


def _is_one_of(kinds: Collection[str]) -> ColumnElement[bool]:
    return or_(false(), *(outbox.c.kind == kind for kind in kinds))


_READ = ("id", "kind", "payload", "attempts", "history", "endpoint_id", "traceparent")
LEASED = tuple(outbox.c[name] for name in _READ)


def finish_all(connection: Connection, delivery_ids: Sequence[str], owner: str) -> Answer:
    """Mark rows as delivered in one statement; rows whose lease was lost are not changed."""
    ids = {f"of_{at}": delivery_id for at, delivery_id in enumerate(delivery_ids)}
    return batch.execute(connection, _finishing(len(ids)), {"of_owner": owner, **ids})


@cache
def _finishing(number: int) -> Update:
    """Return the statement that marks this number of rows as delivered."""
    ids = [bindparam(f"of_{at}", type_=outbox.c.id.type) for at in range(number)]
    mine = (outbox.c.id.in_(ids), outbox.c.owner == bindparam("of_owner"), is_in(READY))
    done = {"state": DONE, "settled_at": from_now(0), "owner": None, "lease_until": None}
    return update(outbox).where(*mine).values(done)


def fail(
    connection: Connection,
    delivery_id: str,
    owner: str,
    history: Sequence[Mapping[str, Any]],
    retry_in: float | None,
    answer: str | None = None,
) -> bool:
    """Record a failed attempt; the row is due again after `retry_in` seconds, or dead if that is None.

    False if the lease was lost, or an operator has restarted the row meanwhile, which takes precedence.
    """
    values: dict[str, Any] = {"history": list(history)} | ({} if answer is None else {"answer": answer})
    if retry_in is None:
        values |= {"state": DEAD, "settled_at": from_now(0)}
    else:
        values |= {"due_at": from_now(retry_in)}
    return _settle(connection, delivery_id, owner, values, outbox.c.attempts > 0)


def answered(
    connection: Connection, delivery_id: str, owner: str, history: Sequence[Mapping[str, Any]], answer: str | None
) -> bool:
    """Mark a row as delivered and store the answer; False if the lease was lost."""
    values = {"state": DONE, "settled_at": from_now(0), "history": list(history), "answer": answer}
    return _settle(connection, delivery_id, owner, values)


def release(connection: Connection, owner: str) -> int:
    """Release rows that were leased but not begun, as if they had never been leased."""
    statement = update(outbox).where(outbox.c.owner == owner, is_in(READY), outbox.c.endpoint_id.is_(None))
    return connection.execute(statement.values(owner=None, lease_until=None, attempts=outbox.c.attempts - 1)).rowcount


def find_page(
    connection: Connection, states: Collection[str], limit: int, after: Position | None = None
) -> list[OutboxRow]:
    """Return rows in these states, the next due first, optionally only those after the position `after`."""
    branches = [Branch(_ORDER, conditions) for state in states for conditions in parts(state)]
    statement = pages.page(ROW, _ORDER, branches, limit=limit, after=after)
    return [OutboxRow(**row._asdict()) for row in connection.execute(statement)]


def is_in(state: str) -> ColumnElement[bool]:
    """Return the condition of a state, written out, so that the database can use that state's index."""
    return outbox.c.state == literal_column(f"'{state}'")


def is_for(endpoint_id: str) -> ColumnElement[bool]:
    """Return the condition of an endpoint's notices in the form of their index; no other form can use it."""
    return and_(outbox.c.endpoint_id == endpoint_id, outbox.c.endpoint_id != literal_column("''"))


def parts(state: str) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of a state's rows, one for each index that contains them: notices have a separate index."""
    if state != READY:
        return [[is_in(state)]]
    return [[is_in(state), outbox.c.endpoint_id.is_(None)], [is_in(state), outbox.c.endpoint_id.is_not(None)]]


def forget_done(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Delete some rows that were delivered long ago; return their number."""
    old = (
        select(outbox.c.id)
        .where(is_in(DONE), outbox.c.settled_at <= from_now(-older_than.total_seconds()))
        .order_by(outbox.c.settled_at)
        .limit(limit)
    )
    free = lock_free(connection, old)
    return connection.execute(delete(outbox).where(outbox.c.id.in_(free))).rowcount if free else 0


def _row(payload: Payload, dedupe_key: str | None) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": payload.kind,
        **{name: getattr(payload, name, None) for name in ("tenant", "provider_id", "verification_id", "endpoint_id")},
        "payload": asdict(payload),
        "dedupe_key": dedupe_key,
        "state": READY,
        "attempts": 0,
        "history": [],
        "traceparent": tracing.traceparent(),
    }


def _settle(
    connection: Connection, delivery_id: str, owner: str, values: Mapping[str, Any], *conditions: ColumnElement[bool]
) -> bool:
    mine = (outbox.c.id == delivery_id, outbox.c.owner == owner, is_in(READY))
    statement = update(outbox).where(*mine, *conditions)
    settled = connection.execute(statement.values(dict(values) | {"owner": None, "lease_until": None}))
    return settled.rowcount == 1
