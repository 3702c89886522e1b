"""`/healthz`, `/readyz` and `/metrics` of the worker, on its own port."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any

import structlog

from connector.metrics.exposition import METRICS_TYPE, may_read_metrics

log = structlog.get_logger(__name__)

JSON = "application/json"
NOT_A_SCRAPER = "The bearer token must be that of the setting `metrics_token`."
PATIENCE = 10  # seconds that a client may pause in the middle of its request
MOST_CONNECTIONS = 32

Answer = tuple[int, str, bytes]


class Probes:
    """A server on a socket that is already bound.

    `problem` returns why the process is not ready, or None if it is ready; `metrics` returns the metrics in Prometheus'
    format; `metrics_token`, if it is set, is required for them.
    """

    def __init__(
        self,
        port: socket,
        problem: Callable[[], str | None],
        metrics: Callable[[], bytes],
        metrics_token: str = "",
        warnings: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        views: Mapping[str, Callable[[], Answer]] = {
            "/healthz": partial(_status, "alive"),
            "/readyz": lambda: _readiness(problem(), warnings()),
            "/metrics": lambda: (HTTPStatus.OK, METRICS_TYPE, metrics()),
        }

        class Handler(_Handler):
            def answer(self, path: str) -> Answer:
                """Return the answer of this path's view."""
                authorization = self.headers.get("Authorization")
                if path == "/metrics" and metrics_token and not may_read_metrics(authorization, metrics_token):
                    return _error(HTTPStatus.UNAUTHORIZED, "Unauthorized", NOT_A_SCRAPER)
                return views.get(path, _not_found)()

        self._server = _Server(port, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """Answer each connection in a thread; of too many, close the oldest, because it may only occupy its thread."""

    # Connections that are not accepted yet; the default is 5, beyond which a client waits for seconds.
    request_queue_size = 128

    def __init__(self, port: socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(port.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = port
        self._open: dict[socket, None] = {}  # in the order of their arrival
        self._lock = threading.Lock()
        self.server_activate()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread."""
        with self._lock:
            if len(self._open) >= MOST_CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with suppress(OSError):  # it has just been closed
                    oldest.shutdown(SHUT_RDWR)
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE

    def answer(self, path: str) -> Answer:
        """Return status, media type and body."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer, with or without a final slash or a query."""
        path = self.path.partition("?")[0]
        status, media_type, content = self._answer_always(path.rstrip("/") or "/")
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _answer_always(self, path: str) -> Answer:
        try:
            return self.answer(path)
        except Exception:  # the outermost handler: without an answer, nobody would know why a scrape failed
            log.exception("request.failed")
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error", "The log has the details.")

    do_HEAD = do_GET  # noqa: N815  the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing, because probes come every few seconds."""


def _status(word: str, warnings: Sequence[str] = ()) -> Answer:
    body = {"status": word, **({"warnings": list(warnings)} if warnings else {})}
    return HTTPStatus.OK, JSON, json.dumps(body).encode()


def _readiness(problem: str | None, warnings: Sequence[str]) -> Answer:
    return (
        _status("ready", warnings) if problem is None else _error(HTTPStatus.SERVICE_UNAVAILABLE, "Not ready", problem)
    )


def _not_found() -> Answer:
    return _error(HTTPStatus.NOT_FOUND, "Not found", "Use /healthz, /readyz or /metrics.")


def _error(status: HTTPStatus, message: str, description: str) -> Answer:
    body = {"code": f"HTTP-{status}", "message": message, "description": description}
    return status, JSON, json.dumps(body).encode()
