"""Statements on the events of streams, each stored until it is delivered; its stream is locked for every change."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from connector.domain.signals import ENABLED, STREAM_UPDATED, Event, Stream
from connector.store.deliveries import outbox
from connector.store.deliveries.outbox import Payload
from connector.store.models import signal_events

_T = signal_events.c
_COLUMNS = (_T.event_id, _T.stream_id, _T.kind, _T.user_id, _T.transaction_id, _T.payload, _T.created_at)


def add_all(connection: Connection, tenant: str, events: Sequence[Event]) -> None:
    """Insert events."""
    connection.execute(insert(signal_events), [vars(event) | {"tenant": tenant} for event in events])


def find_page(connection: Connection, stream: Stream, limit: int) -> list[Event]:
    """Return the first events that may be delivered; for a stream that is not enabled, only those about its status."""
    may_go = [] if stream.status == ENABLED else [_T.kind == STREAM_UPDATED]
    page = select(*_COLUMNS).where(_T.stream_id == stream.stream_id, *may_go).order_by(_T.number).limit(limit)
    return [Event(**row._mapping) for row in connection.execute(page)]


def remove(connection: Connection, stream_id: str, event_ids: Collection[str]) -> list[str]:
    """Delete events of a stream; return the ids of those that existed."""
    some = (_T.stream_id == stream_id, _T.event_id.in_(event_ids))
    return list(connection.execute(delete(signal_events).where(*some).returning(_T.event_id)).scalars())


def remove_all(connection: Connection, stream_id: str) -> int:
    """Delete all events of a stream except those about its status; return how many there were."""
    return _delete(connection, _T.stream_id == stream_id, _T.kind != STREAM_UPDATED)


def forget_user(connection: Connection, tenant: str, user_id: str) -> list[str]:
    """Delete a user's events; return the stream of each."""
    statement = delete(signal_events).where(_T.tenant == tenant, _T.user_id == user_id).returning(_T.stream_id)
    return list(connection.execute(statement).scalars())


def find_old(connection: Connection, before: datetime, limit: int) -> list[str]:
    """Return streams with an event that is older than a time, up to a limit."""
    statement = select(_T.stream_id).where(_T.created_at <= before).order_by(_T.created_at).limit(limit)
    return list(dict.fromkeys(connection.execute(statement).scalars()))


def remove_old(connection: Connection, stream_id: str, before: datetime) -> int:
    """Delete events about a stream's status that are older than a time; return how many there were."""
    return _delete(connection, _T.stream_id == stream_id, _T.kind == STREAM_UPDATED, _T.created_at <= before)


def queue(connection: Connection, order: Payload, dedupe_key: str) -> None:
    """Queue the delivery of a stream's turn, unless it is queued."""
    outbox.add(connection, order, dedupe_key=dedupe_key)


def _delete(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    deleted: Any = connection.execute(delete(signal_events).where(*conditions))
    return int(deleted.rowcount)
