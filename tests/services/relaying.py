"""A worker in a separate process that records its deliveries: `Forked("tests.services.relaying", orders)`.

It writes the number of each delivery to a file, and prints when it is ready and when it hangs, at the
delivery with the number `stuck_at`. Its log goes to standard error: the test reads only these lines of standard output,
and a worker would block once its log has filled a pipe.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog

from connector.bootstrap import create_services
from connector.services.outbox import Handler
from connector.settings import Settings
from connector.settings.signals import SignalSettings
from connector.worker import create_relay


@dataclass(frozen=True)
class Record:
    """The worker's record of its deliveries."""

    kind: ClassVar[str] = "record"
    number: int


def run(text: str) -> None:
    orders = json.loads(text)
    if orders["step_size"]:
        from connector.exports import verifications  # noqa: PLC0415  most workers need not load it

        verifications.STEP_SIZE = orders["step_size"]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    ending = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    with Path(orders["notes"]).open("a", buffering=1) as notes:

        def record(order: Record) -> None:
            if order.number == orders["stuck_at"]:
                _say("stuck")
                time.sleep(60)
            notes.write(f"{order.number}\n")

        settings = Settings(
            data_dir=Path(orders["data_dir"]),
            database_url=orders["database_url"],
            sweep_interval=3600,
            allow_http_loopback=True,
            signals=SignalSettings(**orders["signals"]),
        )
        services = create_services(settings, handlers=[Handler(Record, record, batch=20)])
        relay = create_relay(services, threads=orders["threads"], poll_interval=0.05)
        _say("ready")
        relay.start()
        signal.sigwait(ending)
        relay.stop()
        services.close()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
