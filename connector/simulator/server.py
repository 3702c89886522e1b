"""The HTTP server of a simulator: it starts on a free port, keeps connections alive, and closes all when stopped."""

from __future__ import annotations

import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing, suppress
from types import TracebackType
from typing import Any, Self, cast

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app
from werkzeug.wsgi import ClosingIterator

from connector.simulator.app import DROP, create_app
from connector.simulator.deliveries import Sender
from connector.simulator.faults import HEALTHY, Faults
from connector.simulator.records import API_PATH
from connector.simulator.simulation import EXTENSION, Simulation
from connector.simulator.state import State

RETRY_DELAYS = (0.2, 0.5, 1.0, 2.0)
WEBHOOK_TIMEOUT = 10.0  # how long Onfido waits for a receiver


class Simulator:
    """A local Onfido; `with Simulator() as onfido:` starts and stops it.

    It answers for loopback, its host and `names`.

    Its state outlives a stop, so that stopping and starting again is an outage. `retry_delays` are the pauses in
    seconds before a webhook's second, third, … try; `webhook_timeout` is how long a try waits for an answer.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults = HEALTHY,
        *,
        names: Collection[str] = (),
        retry_delays: Sequence[float] = RETRY_DELAYS,
        webhook_timeout: float = WEBHOOK_TIMEOUT,
    ) -> None:
        self.host = host
        self.port = port
        self._state = State(faults)
        self._sender = Sender(self._state, retry_delays, webhook_timeout)
        self._app = create_app(self._state, self._sender, frozenset(name.lower() for name in (host, *names)))
        self._parts: Simulation = self._app.extensions[EXTENSION]
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The root, known once started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def api_url(self) -> str:
        """The replacement for `https://api.eu.onfido.com/v3.6`."""
        return self.url + API_PATH

    def start(self) -> None:
        """Listen and answer; raises `OSError` if the address is taken."""
        self._parts.stopping.clear()
        self._server = _Server(self.host, self.port, self._app)
        self.port = self._server.port
        self._sender.start()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="simulator")
        self._thread.start()

    def stop(self) -> None:
        """Close every connection and end every thread."""
        if not self._server or not self._thread:
            return
        self._parts.stop()
        self._server.shutdown()
        self._sender.stop()
        self._server.drop_connections()
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    host: str,
    port: int,
    faults: Faults = HEALTHY,
    *,
    names: Collection[str] = (),
    on_ready: Callable[[Simulator], object] = lambda _: None,
) -> None:
    """Run a simulator until SIGINT or SIGTERM; `on_ready` is called once it listens. Call it in the main thread."""
    ending = (signal.SIGINT, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        with Simulator(host, port, faults, names=names) as simulator:
            on_ready(simulator)
            signal.sigwait(ending)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Handler(WSGIRequestHandler):
    """Sends complete answers and keeps the connection open, unlike werkzeug's own."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def make_environ(self) -> Any:
        """Keep a slash in an id encoded, so that it does not separate path segments."""
        path, question, query = self.path.partition("?")
        self.path = re.sub("%2f", "%252F", path, flags=re.IGNORECASE) + question + query
        return super().make_environ()

    def run_wsgi(self) -> None:
        try:
            environ = self.make_environ()
        except ValueError:
            self.send_error(400)
            return
        environ[DROP] = drop = threading.Event()
        chunks, status, headers = run_wsgi_app(self.server.app, environ)
        with closing(cast(ClosingIterator, chunks)):
            if drop.is_set():
                self.close_connection = True
            else:
                self._answer(int(status.split()[0]), headers, chunks)

    def _answer(self, status: int, headers: Any, chunks: Iterable[bytes]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for chunk in chunks:
                self.wfile.write(chunk)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the state contains the requests."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Log nothing: unparsable requests are answered."""


class _Server(ThreadedWSGIServer):
    """Keeps its connections, so that it can close them, and waits for its threads."""

    daemon_threads = False

    def __init__(self, host: str, port: int, app: Any) -> None:
        self._connections: set[socket.socket] = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family, backlog=self.request_queue_size) as listener:
            super().__init__(host, port, app, _Handler, fd=listener.fileno())

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Close all connections."""
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that closed the connection."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
