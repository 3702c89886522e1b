"""Polling for events (RFC 8936): events that the receiver has not confirmed are sent again, the oldest first.

    poll ──► confirmed and refused events are deleted ──► the first events, or a wait for some ──► their tokens

A call waits for at most 10 seconds. The number of waiting calls is limited: further calls are answered immediately.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from connector.domain.frozen import frozen
from connector.domain.messages import message
from connector.domain.signals import MAX_TEXT, POLL, Event, Receiver, Stream
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.signals.pushing import note_settled
from connector.services.signals.streams import Streams
from connector.services.signals.tokens import EventTokens
from connector.store.engine import Database
from connector.store.signals import signal_events, signal_streams

MAX_WAIT = 10.0  # seconds
POLL_INTERVAL = 0.25
MOST_EVENTS = 100  # of one answer
_REASON = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@frozen
class PollRequest:
    """A receiver's request; `refused` maps ids of events to the reasons for which it cannot use them."""

    most: int = MOST_EVENTS
    returns_at_once: bool = False
    confirmed: Collection[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@frozen
class PollAnswer:
    """The tokens by the ids of their events, and whether there are more."""

    tokens: Mapping[str, str] = field(repr=False)
    has_more: bool


class Polling:
    """Returns the events of polled streams; at most `max_waiting` calls wait at a time."""

    def __init__(self, database: Database, streams: Streams, tokens: EventTokens, max_waiting: int) -> None:
        self._database = database
        self._streams = streams
        self._tokens = tokens
        self._waiting = threading.BoundedSemaphore(max_waiting)

    def poll(self, tenant: Tenant, stream_id: str, receiver: Receiver, request: PollRequest) -> PollAnswer:
        """Delete confirmed events, and return others; raise `RequestError` if there is no such polled stream."""
        stream = self._streams.get(tenant, stream_id, receiver)
        if stream.config.method != POLL:
            raise RequestError(
                Code.STREAM_NOT_FOUND,
                message("The stream %(stream_id)s is pushed: there is nothing to poll.", stream_id=stream_id),
            )
        self._settle(stream, request)
        limit = min(request.most, MOST_EVENTS)
        events = self._find(tenant, stream, receiver, limit, is_waiting=not request.returns_at_once)
        page = events[:limit]
        tokens = self._tokens.of(stream, page) if page else []
        return PollAnswer(
            dict(zip((each.event_id for each in page), tokens, strict=True)), has_more=len(events) > limit
        )

    def _settle(self, stream: Stream, request: PollRequest) -> None:
        """Delete events that are confirmed or refused; ids that are not of this stream's events are ignored."""
        named = {*request.confirmed, *request.refused}
        if not named:
            return
        with self._database.write() as connection:
            signal_streams.lock(connection, stream.stream_id)
            settled = signal_events.remove(connection, stream.stream_id, named)
            if settled:
                signal_streams.settle_events(connection, stream.stream_id, len(settled))
        for event_id in settled:
            reason = request.refused.get(event_id)
            note_settled(stream, event_id, None if reason is None else _reason(reason))

    def _find(
        self, tenant: Tenant, stream: Stream, receiver: Receiver, limit: int, *, is_waiting: bool
    ) -> Sequence[Event]:
        """Return the first events, one more than the limit if there are more."""
        if limit == 0:  # it only confirms
            is_waiting = False
        events = self._look(stream, limit)
        if events or not is_waiting or not self._waiting.acquire(blocking=False):
            return events
        try:
            end = time.monotonic() + MAX_WAIT
            while not events and (left := end - time.monotonic()) > 0:
                time.sleep(min(POLL_INTERVAL, left))
                events = self._look(self._streams.get(tenant, stream.stream_id, receiver), limit)
        finally:
            self._waiting.release()
        return events

    def _look(self, stream: Stream, limit: int) -> Sequence[Event]:
        with self._database.read() as connection:
            return signal_events.find_page(connection, stream, limit + 1)


def _reason(given: str) -> str:
    """Return a receiver's reason if it is a code, which may be logged."""
    return given if len(given) <= MAX_TEXT and _REASON.fullmatch(given) else "unknown"
