"""The worker's loop: it queues the periodic work, delivers due rows, and stops on request.

It runs as threads of `connector worker`, and of `connector serve` on the embedded database. Any number of loops on
any number of hosts share the work: rows are leased, and the work of a period has one dedupe key. An idle loop polls,
and is woken when a delivery is committed.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Mapping, Sequence

import structlog

from connector.courier import Courier
from connector.errors import DatabaseUnavailable
from connector.services.outbox import Outbox, new_owner
from connector.store.availability import driver_words
from connector.store.deliveries import outbox as rows
from connector.store.deliveries.outbox import Payload
from connector.store.engine import Database
from connector.store.wake_up import SECOND_LOOK, Notifications

log = structlog.get_logger(__name__)

RECOVERY_PAUSE = 2.0  # seconds, after the database did not answer
FIRST_RECONNECT = 0.5  # seconds, doubled with every attempt
LONGEST_RECONNECT = 60.0


class Relay:
    """Threads that deliver the outbox; `periodic` maps payloads to their periods in seconds."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        periodic: Mapping[Payload, float],
        *,
        threads: int = 1,
        poll_interval: float = 1.0,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._periodic = periodic
        self._poll_interval = poll_interval
        self._stopping = threading.Event()
        self._last_period: dict[str, int] = {}
        self._listener = None if database.is_sqlite else Listener(database)
        self._courier = Courier(database, outbox, poll_interval=poll_interval)
        self._threads = [
            threading.Thread(target=self._run, name=f"relay-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        if self._listener:
            self._listener.start()
        for thread in self._threads:
            thread.start()
        if self._outbox.has_notices:
            self._courier.start()

    def stop(self, timeout: float | None = None) -> None:
        """Stop: each thread finishes its current delivery, and the leases of the others are released."""
        self._stopping.set()
        self._database.wake_up.set()
        end = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        self._courier.stop(end)
        if self._listener:
            self._listener.stop()

    def _run(self) -> None:
        owner = new_owner()
        while not self._stopping.is_set():
            count = self._database.wake_up.count
            if pause := self._pass(owner):
                self._database.wake_up.wait(count, pause)

    def _pass(self, owner: str) -> float:
        """Deliver due rows; return the seconds until the next poll."""
        try:
            self._put_periodic_work()
            is_idle = self._outbox.work(owner, self._stopping.is_set) == 0
        except DatabaseUnavailable as error:
            log.warning("relay.database_unavailable", reason=error.reason)
            return RECOVERY_PAUSE
        except Exception:  # the outermost handler: without it, a thread would die silently and deliver nothing
            log.exception("relay.failed")
            return RECOVERY_PAUSE
        return self._poll_interval if is_idle else 0.0

    def _put_periodic_work(self) -> None:
        for payload, period in self._periodic.items():
            number = int(time.time() // period)
            if self._last_period.get(payload.kind) != number:
                with self._database.write() as connection:
                    rows.add(connection, payload, dedupe_key=f"{payload.kind}:{period:g}:{number}")
                self._last_period[payload.kind] = number


class Listener:
    """A thread that wakes this process's workers when PostgreSQL reports deliveries queued by other processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._sockets: Sequence[socket.socket] = ()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="relay-listener", daemon=True)

    def start(self) -> None:
        """Start listening."""
        self._sockets = socket.socketpair()
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close the connection; do not wait for one that is just being opened."""
        self._stopping.set()
        for each in self._sockets:
            each.shutdown(socket.SHUT_RDWR)
        self._thread.join(1.0)
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._database.listen() as notifications:
                    self._failures = 0
                    self._database.wake_up.set()  # for deliveries that were added while the connection was lost
                    self._pass_on(notifications)
            except Exception as error:  # noqa: BLE001  polling continues after any error
                log.warning("relay.not_listening", reason=driver_words(error))
                self._stopping.wait(self._reconnect_delay())

    def _pass_on(self, notifications: Notifications) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(notifications, selectors.EVENT_READ)
            selector.register(self._sockets[0], selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                if notifications.drain():
                    self._database.wake_up.set()
                    self._stopping.wait(SECOND_LOOK)
                    notifications.drain()
                    self._database.wake_up.set()

    def _reconnect_delay(self) -> float:
        self._failures += 1
        return min(LONGEST_RECONNECT, FIRST_RECONNECT * 2.0 ** (self._failures - 1))
