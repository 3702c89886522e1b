"""The web server: gunicorn with threads, started from code so that one set of settings rules."""

from __future__ import annotations

from typing import Any

import gunicorn.glogging
from flask import Flask
from gunicorn.app.base import BaseApplication

from connector import telemetry
from connector.api.development import check_access_configured
from connector.app import create_app, create_services
from connector.settings import Settings

TIMEOUT = 60  # seconds after which a worker that no longer answers is replaced; a request may wait 20 and ask Onfido


class _Logger(gunicorn.glogging.Logger):  # type: ignore[misc]
    """gunicorn's messages go where all others go; requests are counted by the metrics, not logged."""

    def setup(self, cfg: object) -> None:
        self.error_log.handlers = []
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in _gunicorn_options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)


def run(settings: Settings) -> None:
    """Serve until told to stop; raises `ConfigurationError` where the process must not start."""
    telemetry.configure_logging(settings.log_level, settings.log_format)
    check_access_configured(settings)
    create_services(settings).close()  # once, before there are several processes: it migrates the embedded database
    _Server(settings).run()


def _gunicorn_options(settings: Settings) -> dict[str, Any]:
    return {
        "bind": f"{settings.host}:{settings.port}",
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": "gthread",
        "timeout": TIMEOUT,
        "control_socket_disable": True,
        "proc_name": "connector",
        "logger_class": _Logger,
        "child_exit": _forget_metrics,
    }


def _forget_metrics(_server: Any, worker: Any) -> None:
    telemetry.forget_process(worker.pid)
