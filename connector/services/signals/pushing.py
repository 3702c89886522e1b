"""Pushing events (RFC 8935): one at a time for each stream, in the order in which they were written.

    push_signals ──► the stream's first event ──► POST ──► 2xx: delivered           400 with a final reason: refused
           ▲                  ▲                             └──► the next event ◄───────────┘
           │                  └─── 30 s at most             no answer, or another one: the whole stream waits, 2 s if
           │                                                others were accepted before, otherwise as all deliveries
           └── events are left, or were written meanwhile: the next turn

A stream has one delivery in the outbox, that of its turn. It ends the turn under the stream's lock, so that an event
that is written meanwhile is seen, or queues the next turn. Each event is read from the database before it is sent: of a
stream that was removed, paused or disabled none is sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog

from connector import metrics
from connector.domain.answered import Answered, start_of
from connector.domain.signals import PUSH, Event, Stream
from connector.domain.urls import UrlPolicy
from connector.errors import ConnectorError
from connector.http.client import Answer, ExchangeError, HttpClient
from connector.services.outbox import Handler
from connector.services.signals.tokens import EventTokens
from connector.services.signals.writing import PushSignals, SignalWriter
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.sealed import stream_header
from connector.store.signals import signal_events, signal_streams
from connector.store.vault import Vault

log = structlog.get_logger(__name__)

TIMEOUT = 15.0  # seconds of one exchange
SENDING = 30.0  # seconds of one delivery, before its last exchange; with that, well below the outbox' lease
SENDING_ENDS = TIMEOUT + 5.0  # seconds: by then, an event that was being sent has been
MAX_ANSWER = 4096  # bytes
PAUSE = 2.0  # seconds before the next turn, after a receiver took some events and then one no more
# Reasons (RFC 8935, 2.4) that the same event would meet again. The others, such as `authentication_failed`, are about
# the receiver's configuration, or about a key that it does not know yet.
FINAL_REASONS = frozenset({"invalid_request", "invalid_issuer", "invalid_audience", "jwtAud", "jwtIss", "setParse"})


class NotAcceptedError(ConnectorError):
    """The receiver did not accept an event, but may later."""

    def __init__(self, description: str, answered: Answered) -> None:
        super().__init__(description)
        self.answered = answered


@use_case
class Pushing:
    """Sends the events of streams to their receivers."""

    _database: Database
    _vault: Vault
    _client: HttpClient
    _policy: UrlPolicy
    _tokens: EventTokens
    _writer: SignalWriter

    @property
    def handlers(self) -> Sequence[Handler[Any]]:
        """The handlers of this story's deliveries."""
        return [Handler(PushSignals, self.push)]

    def push(self, order: PushSignals) -> None:
        """Push a stream's events, and end the turn; raise if the receiver does not accept the first one.

        If it does not accept a later one, the next turn begins soon, with all of its attempts: a receiver that fails
        now and then makes its stream wait for seconds, not for longer with each failure.
        """
        end, is_begun = time.monotonic() + SENDING, False
        while time.monotonic() < end and (waiting := self._next(order)) is not None:
            try:
                self._settle(*waiting, self._send(*waiting))
            except NotAcceptedError as error:
                if not is_begun:
                    raise
                self._end(order, pause=PAUSE)
                log.warning("signals.interrupted", stream_id=order.endpoint_id, reason=str(error))
                return
            is_begun = True
        self._end(order)

    def _next(self, order: PushSignals) -> tuple[Stream, Event] | None:
        """Return the stream and its first event; None if there is none, or if it is not the stream's turn."""
        with self._database.read() as connection:
            stream = signal_streams.find(connection, order.endpoint_id)
            if stream is None or stream.turn != order.turn or not stream.is_push:
                return None
            events = signal_events.find_page(connection, stream, 1)
        return (stream, events[0]) if events else None

    def _send(self, stream: Stream, event: Event) -> str | None:
        """Send an event; return why it was refused permanently, or None if it was accepted."""
        url, begun = stream.config.endpoint_url or "", time.monotonic()
        if why := self._policy.objection(url):
            raise NotAcceptedError(
                f"The endpoint's url {why}: correct it, then enable the stream.", Answered(None, 0.0)
            )
        [token] = self._tokens.of(stream, [event])
        try:
            with self._client.open(
                "POST", url, seconds=TIMEOUT, headers=self._headers(stream), body=token.encode()
            ) as answer:
                return _read(answer, begun)
        except ExchangeError as error:
            answered = Answered(None, time.monotonic() - begun)
            raise NotAcceptedError(f"The receiver gave no answer: {error.reason}.", answered) from error

    def _headers(self, stream: Stream) -> dict[str, str]:
        headers = {"Content-Type": "application/secevent+jwt", "Accept": "application/json"}
        if (sealed := stream.config.authorization_header) is not None:
            headers["Authorization"] = self._vault.open(sealed, stream_header(stream.stream_id))
        return headers

    def _settle(self, stream: Stream, event: Event, reason: str | None) -> None:
        with self._database.write() as connection:
            if signal_streams.lock(connection, stream.stream_id) is not None:
                removed = signal_events.remove(connection, stream.stream_id, [event.event_id])
                signal_streams.settle_events(connection, stream.stream_id, len(removed))
        note_settled(stream, event.event_id, reason)

    def _end(self, order: PushSignals, pause: float = 0) -> None:
        """End the turn, and queue the next one, after a pause, if events are left."""
        with self._database.write() as connection:
            stream = signal_streams.lock(connection, order.endpoint_id)
            if stream is None or stream.turn != order.turn:
                return
            following = self._writer.next_turn(connection, stream)
            if signal_events.find_page(connection, following, 1):
                self._writer.queue(connection, following, pause)


def note_settled(stream: Stream, event_id: str, reason: str | None) -> None:
    """Log and count that an event was delivered or permanently refused."""
    method = "push" if stream.config.method == PUSH else "poll"
    metrics.SIGNALS.labels(method, "delivered" if reason is None else "refused").inc()
    names = {"jti": event_id, "stream_id": stream.stream_id, "tenant": stream.tenant}
    if reason is None:
        log.info("signals.delivered", **names)
    else:
        log.warning("signals.refused", reason=reason, **names)


def _read(answer: Answer, begun: float) -> str | None:
    """Return why an event was refused permanently, or None if it was accepted; raise for any other answer."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    body = _body(answer)
    reason = _reason(body) if answer.status == HTTPStatus.BAD_REQUEST else None
    if reason in FINAL_REASONS:
        return reason
    answered = Answered(answer.status, time.monotonic() - begun, start_of(body))
    raise NotAcceptedError(f"The receiver answered HTTP {answer.status}.", answered)


def _body(answer: Answer) -> bytes:
    try:
        return answer.read(MAX_ANSWER)
    except ExchangeError:
        return b""


def _reason(body: bytes) -> str | None:
    try:
        reason = json.loads(body)["err"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return reason if isinstance(reason, str) else None
