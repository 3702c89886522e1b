"""Delivery of webhooks: signed, posted from one background thread, retried until answered 2xx."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import threading
import time
from collections.abc import Iterable, Sequence
from http import HTTPStatus

import requests

from connector.simulator.events import Message
from connector.simulator.faults import Event
from connector.simulator.records import Delivery, Webhook
from connector.simulator.state import State


class Sender:
    """Delivers messages in the order in which they fall due.

    `retry_delays` are the pauses in seconds before the second, third, … try; after the last one it gives up.
    `timeout` is the seconds that one try waits for its answer.
    """

    def __init__(self, state: State, retry_delays: Sequence[float], timeout: float) -> None:
        self._state = state
        self._retry_delays = tuple(retry_delays)
        self._timeout = timeout
        self._due: list[tuple[float, int, Delivery]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    @property
    def patience(self) -> float:
        """The longest time that a first try may take, in seconds."""
        return self._timeout + self._state.faults.webhook_delay_ms / 1000

    def start(self) -> None:
        """Start the thread."""
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="simulator-webhooks")
        self._thread.start()

    def stop(self) -> None:
        """Drop waiting messages and end the thread after the current attempt."""
        self.clear()
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def clear(self) -> None:
        """Drop waiting messages."""
        with self._changed:
            for _, _, delivery in self._due:
                delivery.is_tried.set()
            self._due.clear()

    def send(self, messages: Sequence[Message]) -> list[Delivery]:
        """Address each message to its subscribed webhooks and return the deliveries."""
        with self._state.lock:
            is_reordered = len(messages) > 1 and self._state.takes("events_reordered")
            ordered = reversed(messages) if is_reordered else messages
            deliveries = [delivery for message in ordered for delivery in self._addressed(message)]
            self._state.deliveries += deliveries
            delay = self._state.faults.webhook_delay_ms / 1000
            delays = {
                event: delay if self._state.faults.concerns("webhook_delay_ms", event) else 0.0 for event in Event
            }
        for delivery in deliveries:
            self._schedule(delivery, delays[delivery.event])
        return deliveries

    def _addressed(self, message: Message) -> Iterable[Delivery]:
        body, state = message.body(), self._state
        for webhook in state.webhooks.values():
            if webhook.wants(message.event, is_sandbox=message.is_sandbox):
                is_lost = state.takes("webhooks_lost", message.event)
                is_doubled = not is_lost and state.takes("webhooks_doubled", message.event)
                for _ in range(2 if is_doubled else 1):
                    yield _delivery(message, webhook, body, is_lost=is_lost)

    def _schedule(self, delivery: Delivery, delay: float) -> None:
        if delivery.is_lost or self._is_stopping:
            delivery.is_tried.set()
            return
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), delivery))
            self._changed.notify()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # receivers are near: no proxy
            while delivery := self._next():
                self._attempt(session, delivery)

    def _next(self) -> Delivery | None:
        """Wait for the next delivery that is due; None once stopping."""
        with self._changed:
            while not self._is_stopping:
                pause = self._due[0][0] - time.monotonic() if self._due else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(pause)
        return None

    def _attempt(self, session: requests.Session, delivery: Delivery) -> None:
        status = self._post(session, delivery)
        with self._state.lock:
            delivery.attempts += 1
            delivery.last_status = status
        if not _is_answered(status) and delivery.attempts <= len(self._retry_delays) and not self._is_stopping:
            self._schedule(delivery, self._retry_delays[delivery.attempts - 1])
        delivery.is_tried.set()

    def _post(self, session: requests.Session, delivery: Delivery) -> int | None:
        headers = {"Content-Type": "application/json", "X-SHA2-Signature": delivery.signature}
        try:
            with session.post(
                delivery.url, delivery.body, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
            ) as answer:
                return answer.status_code
        except (requests.RequestException, ValueError):  # requests lets some broken URLs through to urllib3
            return None


def sign(token: str, body: bytes) -> str:
    """The signature of a body: lower-case hex of HMAC-SHA256 over its raw bytes."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()


def _delivery(message: Message, webhook: Webhook, body: bytes, *, is_lost: bool) -> Delivery:
    signature = sign(webhook.token, body)
    url = webhook.values["url"]
    return Delivery(message.event, message.object["id"], message.run_id, url, body, signature, is_lost=is_lost)


def _is_answered(status: int | None) -> bool:
    return status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
