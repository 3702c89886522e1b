"""Writing events to streams, and changing the status of streams; the caller has locked the streams.

A stream never loses events silently: if too many events wait, or one for too long, it is disabled, all of them are
dropped, and its receiver is notified by an event and by its status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import structlog
from sqlalchemy import Connection

from connector.domain.audit.history import STREAM, SYSTEM, by_administrator
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.signals import DISABLED, ENABLED, MAX_WAITING, OVERFLOW, STREAM_UPDATED, Event, Stream
from connector.services.journal import Journal
from connector.services.use_case import use_case
from connector.store.deliveries import outbox
from connector.store.signals import signal_events, signal_streams

log = structlog.get_logger(__name__)


@frozen
class PushSignals:
    """Push the events of a stream, `endpoint_id`; of two deliveries only that of the current turn does."""

    kind: ClassVar[str] = "push_signals"
    tenant: str
    endpoint_id: str
    turn: int


@use_case
class SignalWriter:
    """Writes events, and changes the status of streams."""

    _journal: Journal
    _clock: Callable[[], datetime]

    def add(
        self,
        connection: Connection,
        streams: Sequence[Stream],
        kind: str,
        payload: Mapping[str, Any],
        user_id: str | None = None,
    ) -> None:
        """Add an event to each of these streams, none of them disabled; one that is full is disabled instead."""
        self._insert(connection, [each for each in streams if each.waiting < MAX_WAITING], kind, payload, user_id)
        for stream in streams:
            if stream.waiting >= MAX_WAITING:
                log.warning("signals.stream_full", stream_id=stream.stream_id, tenant=stream.tenant)
                self.switch(connection, stream, DISABLED, OVERFLOW, is_notified=True)

    def switch(
        self,
        connection: Connection,
        stream: Stream,
        status: str,
        reason: str | None,
        actor: str = SYSTEM,
        *,
        is_notified: bool = False,
    ) -> Stream:
        """Change a stream's status and return the stream; disabling drops its events.

        The receiver is notified (`is_notified`) unless it requested the change.
        """
        now = self._clock()
        changed = replace(stream, status=status, reason=reason, updated_at=now)
        if status == DISABLED:
            changed = replace(changed, waiting=stream.waiting - signal_events.remove_all(connection, stream.stream_id))
        names = ("status", "reason", "waiting", "updated_at")
        signal_streams.change(connection, stream.stream_id, {name: getattr(changed, name) for name in names})
        if is_notified:
            payload = {"status": status} | ({"reason": reason} if reason else {})
            self._insert(connection, [changed], STREAM_UPDATED, payload, None)
        elif status == ENABLED:
            self.queue(connection, changed)
        detail = {"reason": reason} if reason else {}
        entry = by_administrator(now, actor, stream.tenant, STREAM, stream.stream_id, status, detail)
        self._journal.record(connection, [entry])
        return changed

    def queue(self, connection: Connection, stream: Stream, pause: float = 0) -> None:
        """Queue the delivery of a stream's events, after a pause, if they are pushed and not yet queued."""
        if stream.is_push:
            order = PushSignals(stream.tenant, stream.stream_id, stream.turn)
            key = f"{order.kind}:{stream.stream_id}:{stream.turn}"
            signal_events.queue(connection, order, key)
            if pause:
                outbox.delay(connection, key, pause)

    def next_turn(self, connection: Connection, stream: Stream) -> Stream:
        """End a stream's turn; return the stream with the next one."""
        following = replace(stream, turn=stream.turn + 1)
        signal_streams.change(connection, stream.stream_id, {"turn": following.turn})
        return following

    def _insert(
        self,
        connection: Connection,
        streams: Sequence[Stream],
        kind: str,
        payload: Mapping[str, Any],
        user_id: str | None,
    ) -> None:
        if not streams:
            return
        now, transaction_id = self._clock(), new_id()
        events = [Event(new_id(), each.stream_id, kind, user_id, transaction_id, payload, now) for each in streams]
        signal_events.add_all(connection, streams[0].tenant, events)
        signal_streams.count_events(connection, {each.stream_id: 1 for each in streams})
        for stream in streams:
            if stream.status == ENABLED or kind == STREAM_UPDATED:
                self.queue(connection, stream)
