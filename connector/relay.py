"""The worker's loop: it queues the periodic work, delivers due rows, and stops on request.

It runs as threads of `connector worker`, and of `connector serve` on the embedded database. Any number of loops on
any number of hosts share the work: rows are leased, and a period's work has one dedupe key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import structlog

from connector.errors import DatabaseUnavailable
from connector.services.outbox import Outbox, new_owner
from connector.store import outbox as rows
from connector.store.engine import Database
from connector.store.outbox import Payload

log = structlog.get_logger(__name__)

RECOVERY_PAUSE = 2.0  # seconds, after the database did not answer


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
        self._threads = [
            threading.Thread(target=self._run, name=f"relay-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Stop: each thread finishes its current delivery, and the leases of the rest are released."""
        self._stopping.set()
        end = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        owner = new_owner()
        while not self._stopping.is_set():
            try:
                self._put_periodic_work()
                is_idle = self._outbox.work(owner, self._stopping.is_set) == 0
                pause = self._poll_interval if is_idle else 0.0
            except DatabaseUnavailable as error:
                log.warning("relay.database_unavailable", reason=error.reason)
                pause = RECOVERY_PAUSE
            except Exception:  # the outermost handler: a thread that died silently would deliver nothing
                log.exception("relay.failed")
                pause = RECOVERY_PAUSE
            self._stopping.wait(pause)

    def _put_periodic_work(self) -> None:
        for payload, period in self._periodic.items():
            number = int(time.time() // period)
            if self._last_period.get(payload.kind) != number:
                with self._database.write() as connection:
                    rows.add(connection, payload, dedupe_key=f"{payload.kind}:{period:g}:{number}")
                self._last_period[payload.kind] = number
