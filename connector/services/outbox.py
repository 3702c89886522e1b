"""Deliveries: their handlers, and one pass of a worker over the due ones.

Each story defines its own kinds of deliveries, each a small frozen dataclass of ids, and registers a handler for it. A
handler is called with the payload at least once, without an open transaction, and raises if the delivery failed:
`Undeliverable` if a retry cannot help; any other error is retried with exponential backoff and jitter, up to
`MAX_ATTEMPTS` times. Then the row is dead, and an operator retries or drops it.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from connector import metrics, tracing
from connector.domain.answered import Answered
from connector.domain.frozen import frozen
from connector.domain.utc import timestamp
from connector.errors import ConnectorError, DirectoryError, OnfidoError
from connector.services import origin
from connector.store.deliveries import delivery_counts, notices, outbox
from connector.store.deliveries.outbox import Delivery, OutboxRow, Payload
from connector.store.engine import Database
from connector.store.pages import Position
from connector.store.sealed import delivery_answer
from connector.store.vault import Vault
from connector.telemetry import trace_id

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 12
LEASE = 60.0  # seconds; every delivery's time-outs end well before
FIRST_RETRY = 2.0  # seconds, doubled with every attempt
LONGEST_RETRY = 3600.0

_NAMESPACE = uuid.UUID("0e6d6ac6-4f8b-4d6e-9f55-0d1f4b7c2a10")

P = TypeVar("P", bound=Payload)


@frozen
class ProviderPayload:
    """The base of a payload that concerns one provider."""

    tenant: str
    provider_id: str


class Undeliverable(Exception):  # noqa: N818  it is an answer, not a defect
    """The delivery can never succeed."""


@frozen
class Handler(Generic[P]):
    """The handler of a kind of payload.

    `batch` rows are leased and finished together: 1 for slow receivers, more for local work. A row with an earlier
    attempt is leased and finished alone.
    """

    payload: type[P]
    deliver: Callable[[P], Answered | None]
    batch: int = 1

    def handle(self, fields: Mapping[str, Any]) -> Answered | None:
        """Deliver a row's payload; return the receiver's answer if it is to be stored."""
        return self.deliver(self.payload(**fields))


class Outbox:
    """The outbox and the handlers of its deliveries; answers of receivers are stored if there is a vault."""

    def __init__(self, database: Database, handlers: Iterable[Handler[Any]], vault: Vault | None = None) -> None:
        self._database = database
        self._vault = vault
        self._handlers = {handler.payload.kind: handler for handler in handlers}
        self._by_batch: dict[int, list[str]] = {}
        self._notices = [kind for kind, handler in self._handlers.items() if _is_for_application(handler.payload)]
        for kind, handler in self._handlers.items():
            if kind not in self._notices:
                self._by_batch.setdefault(handler.batch, []).append(kind)
        self._alone = self._by_batch.pop(1, [])
        self._batched = [kind for kinds in self._by_batch.values() for kind in kinds]

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of deliveries that have a handler."""
        return self._handlers.keys()

    @property
    def has_notices(self) -> bool:
        """Whether any kind of delivery is a notice."""
        return bool(self._notices)

    def lease_notice(self, owner: str, busy: Collection[str] = ()) -> Delivery | None:
        """Lease the notice that is due first, for an endpoint that is not `busy`; None if there is none."""
        with self._database.write() as connection:
            return notices.lease(connection, owner, self._notices, busy, LEASE)

    def deliver(self, delivery: Delivery, owner: str) -> None:
        """Deliver one leased row, and record the result."""
        if self._deliver(delivery, owner):
            self._finish([delivery.delivery_id], owner)

    def work(self, owner: str, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Lease and deliver due rows, once for each batch size; return the number of attempted rows.

        Notices are excluded: they have separate threads (`courier.py`), because their receivers may be slow. Rows that
        were leased but not begun are released when `is_stopping` returns True, or half of the lease is over.
        """
        tried = 0
        for lease in self._leases():
            tried += self._deliver_all(lease(owner), owner, is_stopping)
            if is_stopping():
                break
        return tried

    def _leases(self) -> Iterator[Callable[[str], Sequence[Delivery]]]:
        """Lease only rows without an earlier attempt in batches: one that kills its worker must affect no others."""
        for batch, kinds in self._by_batch.items():
            yield partial(self._lease, kinds, limit=batch, is_untried=True)
        yield partial(self._lease, self._alone, limit=1, tried_kinds=self._batched)

    def _lease(self, kinds: Collection[str], owner: str, **options: Any) -> Sequence[Delivery]:
        with self._database.write() as connection:
            return outbox.lease(connection, owner, kinds, seconds=LEASE, **options)

    def _deliver_all(self, leased: Sequence[Delivery], owner: str, is_stopping: Callable[[], bool]) -> int:
        """Deliver rows and finish them together; return the number of rows that were begun."""
        begin_by = time.monotonic() + LEASE / 2
        delivered: list[str] = []
        for begun, delivery in enumerate(leased):
            if is_stopping() or time.monotonic() > begin_by:
                self._finish(delivered, owner)
                self.release(owner)
                return begun
            if self._deliver(delivery, owner):
                delivered.append(delivery.delivery_id)
        self._finish(delivered, owner)
        return len(leased)

    def _finish(self, delivered: Sequence[str], owner: str) -> None:
        if delivered:
            with self._database.write() as connection:
                outbox.finish_all(connection, delivered, owner)

    def release(self, owner: str) -> None:
        """Release the rows that this worker has leased but not begun."""
        with self._database.write() as connection:
            outbox.release(connection, owner)

    def page(self, states: Sequence[str], limit: int, after: Position | None = None) -> list[OutboxRow]:
        """Return rows, the next due first, optionally after a position."""
        with self._database.read() as connection:
            return outbox.find_page(connection, states, limit, after)

    def counts(self) -> Mapping[str, int]:
        """Return the number of rows by state."""
        with self._database.read() as connection:
            return delivery_counts.count(connection)

    def _deliver(self, delivery: Delivery, owner: str) -> bool:
        """Deliver a row; failures and answers are recorded at once, other successes by the caller."""
        with _traced(delivery) as span:
            return self._deliver_traced(delivery, owner, span)

    def _deliver_traced(self, delivery: Delivery, owner: str, span: tracing.Span) -> bool:
        began = time.monotonic()
        try:
            _refuse_deadly(delivery)
            with origin.through(origin.WORKER):
                answered = self._handlers[delivery.kind].handle(_fields(delivery))
        except Exception as error:  # noqa: BLE001  the border: whatever a delivery raises is noted on its row
            span.failed(error)
            self._note_failure(delivery, owner, error)
            _measure(delivery, "dead" if _is_hopeless(delivery, error) else "failed", began)
            return False
        _measure(delivery, "delivered", began)
        if answered is not None:
            self._note_answer(delivery, owner, answered)
        return answered is None

    def _note_answer(self, delivery: Delivery, owner: str, answered: Answered) -> None:
        history = [*delivery.history, _attempt(delivery.attempts, answered)]
        with self._database.write() as connection:
            outbox.answered(connection, delivery.delivery_id, owner, history, self._start(delivery, answered))

    def _start(self, delivery: Delivery, answered: Answered | None) -> str | None:
        if self._vault is None or answered is None or not answered.start:
            return None
        return self._vault.seal(answered.start, delivery_answer(delivery.delivery_id))

    def _note_failure(self, delivery: Delivery, owner: str, error: Exception) -> None:
        history = [*delivery.history, _failure(delivery.attempts, error)]
        is_hopeless = _is_hopeless(delivery, error)
        retry_in = None if is_hopeless else retry_delay(delivery.attempts, error)
        with self._database.write() as connection:
            answer = self._start(delivery, _answered(error))
            is_mine = outbox.fail(connection, delivery.delivery_id, owner, history, retry_in, answer)
        log.log(
            _severity(is_hopeless),
            "outbox.delivery_failed",
            delivery_id=delivery.delivery_id,
            kind=delivery.kind,
            attempts=delivery.attempts,
            is_dead=is_hopeless,
            is_mine=is_mine,
            exc_info=None if isinstance(error, ConnectorError | Undeliverable) else error,
            reason=history[-1]["reason"],
        )


@contextmanager
def _traced(delivery: Delivery) -> Iterator[tracing.Span]:
    """Continue the trace in which a delivery was queued, also in the log lines and in the history."""
    parent = {} if delivery.traceparent is None else {tracing.TRACEPARENT: delivery.traceparent}
    facts: tracing.Attributes = {
        "connector.delivery.id": delivery.delivery_id,
        "connector.delivery.attempt": delivery.attempts,
    }
    with tracing.root(tracing.Kind.CONSUMER, f"deliver {delivery.kind}", facts, parent) as span:
        token = trace_id.set(span.trace_id)
        try:
            yield span
        finally:
            trace_id.reset(token)


def stamp(dedupe_key: str, now: datetime) -> tuple[str, str]:
    """Return the id and time of a payload's notice; the id is the same for the same key."""
    return str(uuid.uuid5(_NAMESPACE, dedupe_key)), timestamp(now)


def retry_delay(attempts: int, error: Exception | None = None) -> float:
    """Return the seconds until the next attempt: doubled each time, jittered, at least the receiver's Retry-After."""
    backoff = min(LONGEST_RETRY, FIRST_RETRY * 2.0 ** (attempts - 1))
    asked = error.retry_after or 0 if isinstance(error, OnfidoError | DirectoryError) else 0
    return max(float(asked), backoff * random.uniform(0.5, 1.0))  # noqa: S311  jitter, no secret


def new_owner() -> str:
    """Return the name under which a worker leases rows."""
    return str(uuid.uuid4())


def _is_for_application(payload: type[Payload]) -> bool:
    """Whether deliveries of a kind go to addresses that applications have chosen, any of which may be slow."""
    return "endpoint_id" in payload.__dataclass_fields__


def _is_hopeless(delivery: Delivery, error: Exception) -> bool:
    return isinstance(error, Undeliverable) or delivery.attempts >= MAX_ATTEMPTS


def _measure(delivery: Delivery, result: str, began: float) -> None:
    metrics.DELIVERIES.labels(delivery.kind, result).observe(time.monotonic() - began)


def _refuse_deadly(delivery: Delivery) -> None:
    """Raise for a row whose worker died in every attempt, because it would die in the next one as well."""
    if delivery.attempts > MAX_ATTEMPTS:
        raise Undeliverable(
            f"It was begun {MAX_ATTEMPTS} times, and each time the worker was killed: find out why, then retry."
        )


def _failure(number: int, error: Exception) -> dict[str, Any]:
    """Record a failed attempt; of an unexpected error only the type, because its text may contain anything."""
    words = str(error) if isinstance(error, Undeliverable) else getattr(error, "summary", "")
    reason = f"{type(error).__name__}: {words}".removesuffix(": ")
    return _attempt(number, _answered(error)) | {"reason": reason}


def _fields(delivery: Delivery) -> Mapping[str, Any]:
    """Return the fields of a payload; the endpoint of a notice is only in its row."""
    of_notice = {} if delivery.endpoint_id is None else {"endpoint_id": delivery.endpoint_id}
    return {**delivery.payload, **of_notice}


def _attempt(number: int, answered: Answered | None) -> dict[str, Any]:
    """Record an attempt, with the receiver's answer if there was one."""
    attempt = {"number": number, "at": timestamp(datetime.now(UTC))}
    return attempt if answered is None else attempt | {"status": answered.status, "seconds": round(answered.seconds, 3)}


def _answered(error: Exception) -> Answered | None:
    """Return the receiver's answer to a failed delivery; None if there was none."""
    known = (getattr(each, "answered", None) for each in (error, error.__cause__))
    return next((answered for answered in known if answered is not None), None)


def _severity(is_hopeless: bool) -> int:
    return 40 if is_hopeless else 30
