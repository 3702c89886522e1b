"""The worker process: it delivers the outbox and checks open runs, without a web framework."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from socket import socket
from typing import TypeVar

import structlog

from connector import telemetry, tracing
from connector.bootstrap import Services, create_services
from connector.metrics.exposition import exposition
from connector.process.heartbeat import WORKER, Heartbeat
from connector.process.listening import take_port
from connector.process.probes import Probes
from connector.process.reloading import read_again
from connector.relay import Relay
from connector.services.upkeep import Sweep
from connector.settings import Settings
from connector.store.deliveries.outbox import Payload

log = structlog.get_logger(__name__)
_ARENA_MAX = -8  # glibc's M_ARENA_MAX
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
T = TypeVar("T")


class Worker:
    """Delivers with the current settings."""

    def __init__(self, services: Services) -> None:
        self._begin(services)

    def change(self, read: Callable[[], Settings]) -> None:
        """Continue with the new settings, once the deliveries in flight have finished."""
        former = self.services
        if services := read_again(former.settings, read, create_services):
            self._rest()
            self._begin(services)
            former.close()

    def stop(self) -> None:
        """Finish the deliveries in flight, and release the leases of the others."""
        self._rest()
        self.services.close()

    def problem(self) -> str | None:
        """Return why it is not ready; None if it is ready."""
        return self._ask(lambda services: services.health.problem())

    def warnings(self) -> Sequence[str]:
        """Return the settings that are unsafe in production."""
        return self.services.settings.warnings()

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' format."""
        return self._ask(lambda services: exposition(services.backlog.read))

    def _ask(self, question: Callable[[Services], T]) -> T:
        """Ask the current use cases; if new settings closed them during the answer, ask those that replaced them."""
        asked = self.services
        try:
            return question(asked)
        except Exception:
            if asked is self.services:
                raise
            return self._ask(question)

    def _rest(self) -> None:
        self._heartbeat.stop()
        self._relay.stop(self.services.settings.graceful_timeout)

    def _begin(self, services: Services) -> None:
        self.services = services
        self._relay = create_relay(services, threads=services.settings.worker_threads)
        self._relay.start()
        self._heartbeat = Heartbeat(services.processes, WORKER, services.settings)
        self._heartbeat.start()


def run(read: Callable[[], Settings]) -> None:
    """Work until SIGTERM or SIGINT; on SIGHUP, read the settings again."""
    settings = read()
    telemetry.configure_logging(settings.log_level, settings.log_format)
    _share_memory_among_threads()
    with ExitStack() as stack:
        port = _take_port(settings)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # in threads to come, too
        tracing.begin(WORKER)
        stack.callback(tracing.end)
        worker = Worker(create_services(settings))
        stack.callback(worker.stop)
        if port:
            stack.enter_context(_probes(port, worker, settings.metrics_token))
        log.info("worker.started", threads=settings.worker_threads, port=settings.worker_port or None)
        while _received() == {signal.SIGHUP}:
            worker.change(read)
    log.info("worker.stopped")


def _share_memory_among_threads() -> None:
    """Limit glibc to one arena for all threads: one for each keeps free memory, and Python runs one at a time."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def _received() -> set[int]:
    """Wait for a signal, and return all pending ones, so that one to stop does not wait for the others.

    They are blocked and taken from the system: a handler in Python could miss one that arrives just before the wait.
    """
    received: set[int] = {signal.sigwait(_SIGNALS)}
    while pending := signal.sigpending() & _SIGNALS:
        received.add(signal.sigwait(pending))
    return received


def _take_port(settings: Settings) -> socket | None:
    if not settings.worker_port:
        return None
    advice = "Set `worker_port` (CONNECTOR_WORKER_PORT), or use --port; with 0 no port is opened."
    return take_port(settings.host, settings.worker_port, advice)


@contextmanager
def _probes(port: socket, worker: Worker, metrics_token: str) -> Iterator[None]:
    """Serve health, readiness and metrics."""
    probes = Probes(port, worker.problem, worker.metrics, metrics_token, worker.warnings)
    probes.start()
    try:
        yield
    finally:
        probes.stop()


def create_relay(services: Services, *, threads: int, poll_interval: float = 1.0) -> Relay:
    """Create the worker's loop; the caller starts and stops it."""
    periodic: dict[Payload, float] = {Sweep(): float(services.settings.sweep_interval)}
    return Relay(services.database, services.outbox, periodic, threads=threads, poll_interval=poll_interval)
