"""The worker process: it delivers the outbox and checks open runs, without a web framework."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from socket import socket

import structlog

from connector import telemetry
from connector.bootstrap import Services, create_services
from connector.listening import take_port
from connector.probes import Probes
from connector.relay import Relay
from connector.services.upkeep import Sweep
from connector.settings import Settings
from connector.store.outbox import Payload

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; deliveries in flight are finished, the leases of the others are released."""
    telemetry.configure_logging(settings.log_level, settings.log_format)
    with ExitStack() as stack:
        port = _take_port(settings)
        services = stack.enter_context(closing(create_services(settings)))
        if port:
            stack.enter_context(_probes(port, services))
        relay = create_relay(services, threads=settings.worker_threads)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        relay.start()
        log.info("worker.started", threads=settings.worker_threads, port=settings.worker_port or None)
        stop.wait()
        relay.stop(settings.graceful_timeout)
    log.info("worker.stopped")


def _take_port(settings: Settings) -> socket | None:
    if not settings.worker_port:
        return None
    advice = "Set `worker_port` (CONNECTOR_WORKER_PORT), or give --port; 0 is none."
    return take_port(settings.host, settings.worker_port, advice)


@contextmanager
def _probes(port: socket, services: Services) -> Iterator[None]:
    """Answer on health, readiness and metrics."""
    metrics = partial(telemetry.exposition, services.outbox.counts)
    probes = Probes(port, services.health.problem, metrics, services.settings.metrics_token)
    probes.start()
    try:
        yield
    finally:
        probes.stop()


def create_relay(services: Services, *, threads: int, poll_interval: float = 1.0) -> Relay:
    """Create the worker's loop; the caller starts and stops it."""
    periodic: dict[Payload, float] = {Sweep(): float(services.settings.sweep_interval)}
    return Relay(services.database, services.outbox, periodic, threads=threads, poll_interval=poll_interval)
