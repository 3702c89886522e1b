"""Each process in turn is stopped and started again, as in an upgrade; every fifth is killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.soak.background import Background
from tests.soak.site import Process, Site

PAUSE = 5.0  # seconds between two
KILLED = 5  # of so many, one


class Restarts(Background):
    """Replaces processes until stopped; `told` lists the replacements."""

    def __init__(self, site: Site) -> None:
        self._site = site
        super().__init__("restarts")
        self.told: list[dict[str, object]] = []
        self.failures: list[str] = []

    def run(self) -> None:
        number = 0
        while not self.stopping.wait(PAUSE):
            process = self._site.processes[number % len(self._site.processes)]
            number += 1
            try:
                self._replace(process, is_killed=number % KILLED == 0)
            except Exception as error:  # noqa: BLE001  reported in the end
                self.failures.append(f"{process.name}: {error!r}")

    def _replace(self, process: Process, *, is_killed: bool) -> None:
        assert process.running
        began = time.monotonic()
        if is_killed:
            with suppress(ProcessLookupError):
                os.killpg(process.running.pid, signal.SIGKILL)
        else:
            process.running.terminate()
        status = process.running.wait(timeout=120)
        ended = time.monotonic()
        process.start()
        seconds = {"end": round(ended - began, 2), "start": round(time.monotonic() - ended, 2)}
        self.told.append({"process": process.name, "killed": is_killed, "status": status, **seconds})
        if not is_killed and status != 0:
            self.failures.append(f"{process.name} ended with status {status}")
