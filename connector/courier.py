"""Threads that send notices to applications, so that no other delivery waits for a slow application.

    a thread leases the notice that is due first ──► a thread sends it, then further ones, until none is due

Only one notice is sent to an endpoint at a time. A thread that has waited for longer than `SLOW`, or sends to an
endpoint that was slow the last time, does not count against the limit: another thread may be started.
"""

from __future__ import annotations

import threading
import time

import structlog

from connector.errors import DatabaseUnavailable, logged_reason
from connector.services.outbox import Outbox, new_owner
from connector.store.deliveries.outbox import Delivery
from connector.store.engine import Database

log = structlog.get_logger(__name__)

THREADS = 8  # threads that are not waiting for a slow endpoint
SLOW_THREADS = 32  # threads that are waiting for one
SLOW = 2.0  # seconds
MOST_SLOW = 100  # the number of endpoints remembered as slow
RECOVERY_PAUSE = 2.0  # seconds, after the database did not answer


class Courier:
    """Sends the notices that are due."""

    def __init__(
        self, database: Database, outbox: Outbox, *, threads: int = THREADS, poll_interval: float = 1.0
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._threads = threads
        self._poll_interval = poll_interval
        self._owner = new_owner()
        self._lock = threading.Lock()
        self._busy: dict[str, float] = {}
        self._slow: dict[str, None] = {}
        self._sending: set[threading.Thread] = set()
        self._stopping = threading.Event()
        self._dispatcher = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Start polling for notices."""
        self._dispatcher.start()

    def stop(self, end: float | None = None) -> None:
        """Stop; notices being sent are finished if possible before `end`."""
        self._stopping.set()
        self._database.wake_up.set()
        _join(self._dispatcher, end)
        for thread in list(self._sending):
            _join(thread, end)

    def _run(self) -> None:
        while not self._stopping.is_set():
            count = self._database.wake_up.count
            if pause := self._pass():
                self._database.wake_up.wait(count, pause)

    def _pass(self) -> float:
        """Start sending the next notice; return the seconds until the next poll."""
        try:
            delivery = self._lease_next()
        except DatabaseUnavailable as error:
            log.warning("courier.database_unavailable", reason=error.reason)
            return RECOVERY_PAUSE
        except Exception:  # the outermost handler: without it, a thread would die silently and send nothing
            log.exception("courier.failed")
            return RECOVERY_PAUSE
        if delivery is None:
            return self._poll_interval
        thread = threading.Thread(target=self._send_all, args=(delivery,), name="courier-sending", daemon=True)
        self._sending.add(thread)
        thread.start()
        return 0.0

    def _send_all(self, first: Delivery) -> None:
        """Send a notice, and further ones until none is due."""
        delivery: Delivery | None = first
        try:
            while delivery is not None:
                self._send(delivery)
                delivery = None if self._stopping.is_set() else self._lease_next()
        except Exception as error:  # noqa: BLE001  its lease expires, and the dispatcher continues
            log.warning("courier.interrupted", reason=logged_reason(error))
        finally:
            self._sending.discard(threading.current_thread())

    def _send(self, delivery: Delivery) -> None:
        endpoint_id = delivery.endpoint_id or ""
        try:
            self._outbox.deliver(delivery, self._owner)
        finally:
            with self._lock:
                self._note_pace(endpoint_id, time.monotonic() - self._busy.pop(endpoint_id))

    def _note_pace(self, endpoint_id: str, seconds: float) -> None:
        """Remember whether the endpoint was slow."""
        self._slow.pop(endpoint_id, None)
        if seconds > SLOW:
            self._slow[endpoint_id] = None
        for oldest in list(self._slow)[:-MOST_SLOW]:
            del self._slow[oldest]

    def _lease_next(self) -> Delivery | None:
        """Lease a notice and mark its endpoint as busy; None if none is due, or all threads are busy."""
        with self._lock:
            begun_before = time.monotonic() - SLOW
            slow = [each for each, begun in self._busy.items() if each in self._slow or begun < begun_before]
            if len(self._busy) - len(slow) >= self._threads:
                return None
            excluded = [*self._busy, *(self._slow if len(slow) >= SLOW_THREADS else ())]
            delivery = self._outbox.lease_notice(self._owner, excluded)
            if delivery is not None:
                self._busy[delivery.endpoint_id or ""] = time.monotonic()
            return delivery


def _join(thread: threading.Thread, end: float | None) -> None:
    if thread.ident is not None:
        thread.join(None if end is None else max(0.0, end - time.monotonic()))
