"""Upkeep of streams: disables those whose events wait for too long, and queues those whose delivery is dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from connector.domain.signals import DISABLED, RETENTION_DAYS, TOO_OLD
from connector.services.signals.writing import SignalWriter
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.signals import signal_events, signal_streams

log = structlog.get_logger(__name__)

PAGE = 200


@use_case
class SignalUpkeep:
    """The sweep's work for streams."""

    _database: Database
    _writer: SignalWriter
    _clock: Callable[[], datetime]

    def maintain(self) -> None:
        """Disable streams whose events are too old, and queue those whose delivery is dead."""
        before = self._clock() - timedelta(days=RETENTION_DAYS)
        with self._database.read() as connection:
            old = signal_events.find_old(connection, before, PAGE)
            stuck = signal_streams.find_stuck(connection, PAGE)
        for stream_id in old:
            self.disable(stream_id, before)
        for stream_id in stuck:
            self.queue_again(stream_id)

    def disable(self, stream_id: str, before: datetime) -> None:
        """Disable a stream that has events from before a time."""
        with self._database.write() as connection:
            stream = signal_streams.lock(connection, stream_id)
            if stream is None:
                return
            dropped = signal_events.remove_old(connection, stream_id, before)
            signal_streams.count_events(connection, {stream_id: -dropped})
            if stream.status != DISABLED:
                log.warning("signals.events_too_old", stream_id=stream_id, tenant=stream.tenant)
                left = replace(stream, waiting=stream.waiting - dropped)
                self._writer.switch(connection, left, DISABLED, TOO_OLD, is_notified=True)

    def queue_again(self, stream_id: str) -> None:
        """Queue the delivery of a stream whose current one is dead."""
        with self._database.write() as connection:
            stream = signal_streams.lock(connection, stream_id)
            if stream is not None:
                self._writer.queue(connection, self._writer.next_turn(connection, stream))
