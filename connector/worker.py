"""The worker process: delivers what the outbox holds and looks after open runs, without a web framework."""

from __future__ import annotations

import signal
import threading

import structlog

from connector import telemetry
from connector.bootstrap import Services, create_services
from connector.relay import Relay
from connector.services.upkeep import Sweep
from connector.settings import Settings
from connector.store.outbox import Payload

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; the delivery under way is finished, the others are given back."""
    telemetry.configure_logging(settings.log_level, settings.log_format)
    services = create_services(settings)
    relay = create_relay(services, threads=settings.worker_threads)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    relay.start()
    log.info("worker.started", threads=settings.worker_threads)
    stop.wait()
    relay.stop(settings.graceful_timeout)
    services.close()
    log.info("worker.stopped")


def create_relay(services: Services, *, threads: int, poll_interval: float = 1.0) -> Relay:
    """Create the worker's loop; the caller starts and stops it."""
    periodic: dict[Payload, float] = {Sweep(): float(services.settings.sweep_interval)}
    return Relay(services.database, services.outbox, periodic, threads=threads, poll_interval=poll_interval)
