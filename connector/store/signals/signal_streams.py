"""Statements on the streams of signals, and on the users that they name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    bindparam,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import insert as plain_insert

from connector.domain.signals import ENABLED, PUSH, Receiver, Stream, StreamConfig
from connector.store.deliveries.outbox import READY, is_in
from connector.store.dialect import from_now, insert
from connector.store.models import outbox, signal_streams, signal_subjects

_T = signal_streams.c
COLUMNS = (
    *(_T.id, _T.tenant, _T.token_issuer, _T.client_id, _T.issuer, _T.method, _T.endpoint_url, _T.authorization_header),
    *(_T.events_requested, _T.description, _T.status, _T.reason, _T.default_subjects, _T.turn, _T.waiting),
    *(_T.is_seeded, _T.created_at, _T.updated_at),
)
_S = signal_subjects.c


def _name(statement: Any) -> Any:
    return statement.on_conflict_do_update(
        index_elements=[_S.stream_id, _S.user_id], set_={"is_included": statement.excluded.is_included}
    )


_NAME = insert(signal_subjects, _name)
_COUNT = (
    update(signal_streams)
    .where(_T.id == bindparam("of_stream"))
    .values(waiting=_T.waiting + bindparam("of_number", type_=_T.waiting.type))
)


def add(connection: Connection, stream: Stream) -> None:
    """Insert a stream."""
    row = {
        "id": stream.stream_id,
        "tenant": stream.tenant,
        "token_issuer": stream.receiver.issuer,
        "client_id": stream.receiver.client_id,
        "issuer": stream.issuer,
        "default_subjects": stream.default_subjects,
        **{name: getattr(stream, name) for name in ("status", "reason", "turn", "waiting", "is_seeded")},
        **{name: getattr(stream, name) for name in ("created_at", "updated_at")},
    }
    connection.execute(plain_insert(signal_streams), row | columns(stream.config))


def columns(config: StreamConfig) -> dict[str, Any]:
    """Return the columns of the receiver's part; its header is encrypted."""
    return {
        "method": config.method,
        "endpoint_url": config.endpoint_url,
        "authorization_header": config.authorization_header,
        "events_requested": list(config.events_requested),
        "description": config.description,
    }


def find(connection: Connection, stream_id: str) -> Stream | None:
    """Return a stream, if it exists."""
    return _one(connection.execute(select(*COLUMNS).where(_T.id == stream_id)).one_or_none())


def lock(connection: Connection, stream_id: str) -> Stream | None:
    """Lock a stream and return it, if it exists."""
    return _one(connection.execute(select(*COLUMNS).where(_T.id == stream_id).with_for_update()).one_or_none())


def find_all(connection: Connection, tenant: str, receiver: Receiver | None = None) -> list[Stream]:
    """Return a tenant's streams, or those of one receiver, the oldest first."""
    mine = [] if receiver is None else [_T.client_id == receiver.client_id, _T.token_issuer == receiver.issuer]
    statement = select(*COLUMNS).where(_T.tenant == tenant, *mine).order_by(_T.created_at, _T.id)
    return [read(row) for row in connection.execute(statement)]


def lock_all(connection: Connection, tenant: str) -> list[Stream]:
    """Lock the streams of a tenant, by their ids, and return them."""
    statement = select(*COLUMNS).where(_T.tenant == tenant).order_by(_T.id).with_for_update()
    return [read(row) for row in connection.execute(statement)]


def change(connection: Connection, stream_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a stream."""
    connection.execute(update(signal_streams).where(_T.id == stream_id).values(dict(values)))


def count_events(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Change the numbers of waiting events of some streams, which are locked."""
    if numbers:
        rows = [{"of_stream": stream_id, "of_number": number} for stream_id, number in numbers.items()]
        connection.execute(_COUNT, rows)


def settle_events(connection: Connection, stream_id: str, number: int) -> None:
    """Record that a stream's receiver has taken events; the stream is locked."""
    values = {"waiting": _T.waiting - number, "delivered_at": from_now(0)}
    connection.execute(update(signal_streams).where(_T.id == stream_id).values(values))


def take_verification(connection: Connection, stream_id: str, now: datetime, interval: timedelta) -> bool:
    """Record that a verification is requested; False if another was within the interval."""
    is_due = or_(_T.verification_at.is_(None), _T.verification_at <= now - interval)
    statement = update(signal_streams).where(_T.id == stream_id, is_due).values(verification_at=now)
    return connection.execute(statement).rowcount == 1


def set_seeded(connection: Connection, tenant: str) -> None:
    """Record that the levels of a tenant's users are known, for its streams, which are locked first, in lock order."""
    stream_ids = [each.stream_id for each in lock_all(connection, tenant)]
    connection.execute(update(signal_streams).where(_T.id.in_(stream_ids)).values(is_seeded=True))


def remove(connection: Connection, stream_id: str) -> None:
    """Delete a stream with its events and subjects."""
    connection.execute(delete(signal_streams).where(_T.id == stream_id))


def name_subject(connection: Connection, stream: Stream, user_id: str, *, is_included: bool) -> None:
    """Add a user to a stream, or remove it."""
    row = {"stream_id": stream.stream_id, "user_id": user_id, "tenant": stream.tenant, "is_included": is_included}
    connection.execute(_NAME(connection), row)


def forget_subject(connection: Connection, stream_id: str, user_id: str) -> None:
    """Delete a stream's entry for a user, to whom its default then applies."""
    connection.execute(delete(signal_subjects).where(_S.stream_id == stream_id, _S.user_id == user_id))


def count_subjects(connection: Connection, stream_id: str, limit: int) -> int:
    """Return how many users a stream names, counted up to a limit."""
    named = subjects_of(stream_id).limit(limit).subquery()
    return connection.execute(select(func.count()).select_from(named)).scalar_one()


def subjects_of(stream_id: str | ColumnElement[str]) -> Select[str]:
    """Select the users that a stream names, in the order of the index: counting stops at a limit only in an order."""
    return select(_S.user_id).where(_S.stream_id == stream_id).order_by(_S.user_id)


def find_named(connection: Connection, tenant: str, user_id: str) -> dict[str, bool]:
    """Return the streams that name a user, each with whether it includes the user."""
    statement = select(_S.stream_id, _S.is_included).where(_S.tenant == tenant, _S.user_id == user_id)
    return {row.stream_id: row.is_included for row in connection.execute(statement)}


def forget_user(connection: Connection, tenant: str, user_id: str) -> None:
    """Delete the entries of a tenant's streams for a user."""
    connection.execute(delete(signal_subjects).where(_S.tenant == tenant, _S.user_id == user_id))


def find_stuck(connection: Connection, limit: int) -> list[str]:
    """Return pushed streams whose delivery is not queued, because it is dead or was dropped."""
    is_queued = select(literal(1)).where(outbox.c.dedupe_key == key_of_turn(), is_in(READY)).exists()
    stuck = (_T.status == ENABLED, _T.method == PUSH, _T.waiting > 0, ~is_queued)
    return list(connection.execute(select(_T.id).where(*stuck).order_by(_T.id).limit(limit)).scalars())


def key_of_turn() -> ColumnElement[str]:
    """Return the dedupe key of the delivery that pushes a stream's events."""
    return literal("push_signals:") + _T.id + literal(":") + cast(_T.turn, String)


def is_of_tenant(tenant: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a tenant has a stream."""
    return select(literal(1)).where(_T.tenant == tenant).exists()


def is_unseeded(tenant: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a tenant has a stream, and that its users' levels are not all recorded yet."""
    return select(literal(1)).where(_T.tenant == tenant, _T.is_seeded.is_(False)).exists()


def _one(row: Row[*tuple[Any, ...]] | None) -> Stream | None:
    return None if row is None else read(row)


def read(row: Row[*tuple[Any, ...]]) -> Stream:
    """Return the stream of a row."""
    config = StreamConfig(
        row.method, row.endpoint_url, row.authorization_header, tuple(row.events_requested), row.description
    )
    return Stream(
        row.id,
        row.tenant,
        Receiver(row.token_issuer, row.client_id),
        row.issuer,
        config,
        *(row.status, row.reason, row.default_subjects, row.turn, row.waiting, row.is_seeded),
        row.created_at,
        row.updated_at,
    )
