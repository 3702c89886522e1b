"""The web server: gunicorn with threads, configured in code so that there is only one set of settings."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from socket import socket
from typing import Any

import gunicorn.glogging
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.http.errors import ParseException

from connector import telemetry, tracing
from connector.access.development import check_access_configured, trusted_issuers
from connector.api.middleware import shares, traffic
from connector.app import create_app
from connector.bootstrap import create_services
from connector.domain.tenancy import DEFAULT_TENANT
from connector.metrics import processes
from connector.private_file import scratch_dir
from connector.process import startup
from connector.process.heartbeat import SERVE, Heartbeat
from connector.process.listening import take_port
from connector.process.reloading import read_again
from connector.serving.worker import BufferingWorker, Traffic
from connector.settings import Settings
from connector.settings.secret import keeping_known, read_secret
from connector.worker import create_relay

log = structlog.get_logger(__name__)

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
RESTART_PAUSE = 2.0  # seconds before a worker that failed to start is started again
KEYS_PATIENCE = 2.0  # seconds that a worker waits for issuers' keys before it accepts requests
TIMEOUT = 60  # seconds after which an unresponsive worker is replaced; a request may wait 20 s and also call Onfido


class _Logger(gunicorn.glogging.Logger):  # type: ignore[misc]
    """Sends gunicorn's messages to the connector's log; requests are counted by the metrics, not logged."""

    def setup(self, cfg: object) -> None:
        self.error_log.handlers = []
        self.error_log.propagate = True


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's master: on SIGHUP it starts workers with the new settings, if they are valid, and stops the others."""

    def reload(self) -> None:
        if self.app.read_again():
            super().reload()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Return the pending signals, each once, with those to stop first, because a reload takes seconds."""
        received = dict.fromkeys(super().wait_for_signals(timeout))
        return sorted(received, key=lambda each: each not in STOPPING)

    def reap_workers(self) -> None:
        """Start a worker again that failed to start; gunicorn would stop all others with it.

        For example, a file that the settings name may have been removed since they were read.
        """
        try:
            super().reap_workers()
        except HaltServer as error:
            if not self._serves():
                raise
            log.error("server.worker_not_started", reason=error.reason, advice="see the lines before this one")  # noqa: TRY400
            time.sleep(RESTART_PAUSE)

    def _serves(self) -> bool:
        """Whether a worker serves; until its first report, its file has a wall-clock time, above any monotonic one."""
        return any(each.tmp.last_update() <= time.monotonic() for each in self.WORKERS.values())


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(
        self, settings: Settings, read: Callable[[], Settings], port: socket, announce: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._read = read
        self._own_options = {"bind": f"fd://{port.detach()}", "when_ready": lambda _: announce()}
        super().__init__()

    def load_config(self) -> None:
        for name, value in (_gunicorn_options(self._settings) | self._own_options).items():
            self.cfg.set(name, value)

    def read_again(self) -> bool:
        """Read the settings again, for future workers; False if they are refused."""
        settings = read_again(self._settings, self._read, _accept)
        self._settings = settings or self._settings
        return settings is not None

    def run(self) -> None:
        _Arbiter(self).run()

    def load(self) -> Flask:
        tracing.begin(SERVE)  # in each process, because threads do not survive a fork
        with keeping_known():  # of a file that was removed since the master read it
            app = create_app(self._settings, malformed=[ParseException])
        shares.install(app, self._settings.threads, self._settings.console_threads)
        return app


def run(read: Callable[[], Settings]) -> None:
    """Serve until stopped; raises `ConfigurationError` if the process must not start."""
    settings = read()
    telemetry.configure_logging(settings.log_level, settings.log_format)
    if startup.is_on_terminal():
        logging.getLogger("gunicorn.error").setLevel(logging.WARNING)  # this error is reported as text
    check_access_configured(settings)
    _read_secrets(settings)
    advice = "Set `port` and `host` (CONNECTOR_PORT, CONNECTOR_HOST), or use --port and --host."
    port = take_port(settings.host, settings.port, advice)
    with closing(create_services(settings)) as services:  # before the fork, because it migrates SQLite
        works = settings.does_workers_part(is_sqlite=services.database.is_sqlite)
        missing = startup.missing(services, works=works)
        console = startup.console_link(services, services.tenants.named(DEFAULT_TENANT))
    _Server(settings, read, port, partial(startup.announce, settings, missing, console)).run()


def _accept(settings: Settings) -> Settings:
    """Return settings with which a worker can start; raises for others, because their worker would end the master."""
    _read_secrets(settings)
    trusted_issuers(settings)
    create_services(settings).close()
    return settings


def _read_secrets(settings: Settings) -> None:
    """Read each secret file, so that a later process has its content even if the file is removed meanwhile."""
    for path in settings.secret_files:
        read_secret(f"file:{path}")


def _gunicorn_options(settings: Settings) -> dict[str, Any]:
    return {
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": BufferingWorker,
        "timeout": TIMEOUT,
        "worker_tmp_dir": scratch_dir(),
        "graceful_timeout": settings.graceful_timeout,
        "control_socket_disable": True,
        "proc_name": "connector",
        "logger_class": _Logger,
        "forwarder_headers": "",  # no header of a request determines its path
        "post_fork": _leave_ctrl_c_to_master,
        "post_worker_init": _begin_work,
        "worker_exit": _stop_relay,
        "child_exit": _forget_metrics,
    }


def _leave_ctrl_c_to_master(_server: Any, _worker: Any) -> None:
    """Ignore a Ctrl-C while the worker starts: the terminal sends it to all processes, and the master forwards it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _begin_work(worker: Any) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # SIGHUP is handled by the master, even if it is sent to all processes
    settings = worker.wsgi.extensions["settings"]
    worker.traffic = Traffic(
        lane=traffic.lane,
        body_limit=partial(traffic.body_limit, webhook_limit=settings.max_body_bytes),
        threads=traffic.threads(settings.threads, settings.console_threads),
    )
    worker.heartbeat = Heartbeat(worker.wsgi.extensions["services"].processes, SERVE, settings)
    worker.heartbeat.start()
    _start_relay(worker)
    worker.wsgi.extensions["issuers"].prepare(KEYS_PATIENCE)


def _start_relay(worker: Any) -> None:
    """Start the worker's tasks here if the settings require it; after the fork, never at import."""
    services, settings = worker.wsgi.extensions["services"], worker.wsgi.extensions["settings"]
    if settings.does_workers_part(is_sqlite=services.database.is_sqlite):
        worker.relay = create_relay(services, threads=1)
        worker.relay.start()


def _stop_relay(_server: Any, worker: Any) -> None:
    """Stop the relay: the delivery in flight finishes, the leases of the others are released."""
    if heartbeat := getattr(worker, "heartbeat", None):
        heartbeat.stop()
    if relay := getattr(worker, "relay", None):
        relay.stop(worker.cfg.graceful_timeout)
    tracing.end()


def _forget_metrics(_server: Any, worker: Any) -> None:
    processes.forget(worker.pid)
