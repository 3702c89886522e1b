"""A thread that registers this process with its settings, and reports regularly that it runs.

This shows the operator in one place whether a process runs with other settings than the rest.
"""

from __future__ import annotations

import os
import socket
import threading

import structlog

from connector.errors import DatabaseUnavailable
from connector.process.secret_files import SecretFiles
from connector.services.processes import BEAT, Processes, Starting
from connector.settings import Settings
from connector.settings.shown import exact, shown

log = structlog.get_logger(__name__)

SERVE, WORKER = "serve", "worker"
PATIENCE = 2.0  # seconds that a stopping process waits for the last report


class Heartbeat:
    """Registers the process, reports regularly, and removes it from the list when it stops."""

    def __init__(self, processes: Processes, role: str, settings: Settings, *, interval: float = BEAT) -> None:
        self._processes = processes
        self._starting = Starting(
            role=role,
            host=socket.gethostname(),
            number=os.getpid(),
            operator_tenant=settings.operator_tenant,
            shown={each.name: each.value for each in shown(settings)},
            exact=exact(settings),
        )
        self._secret_files = SecretFiles(settings)
        self._interval = interval
        self._process_id: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Start reporting."""
        self._thread.start()

    def stop(self) -> None:
        """Report that the process stops."""
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            self._secret_files.look()
            self._report()
            if self._stopping.wait(self._interval):
                break
        self._leave()

    def _report(self) -> None:
        try:
            if self._process_id is None or not self._processes.beat(self._process_id):
                self._process_id = self._processes.register(self._starting)
        except DatabaseUnavailable as error:
            log.warning("heartbeat.database_unavailable", reason=error.reason)
        except Exception as error:  # noqa: BLE001  a process must not end because it cannot report
            log.warning("heartbeat.failed", reason=type(error).__name__)

    def _leave(self) -> None:
        try:
            if self._process_id is not None:
                self._processes.leave(self._process_id)
        except Exception as error:  # noqa: BLE001  it is no longer listed after a while
            log.warning("heartbeat.failed", reason=type(error).__name__)
