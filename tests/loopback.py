"""HTTP servers on loopback, each in its own thread, until the end of a block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Self


class Quiet(BaseHTTPRequestHandler):
    """Answers, and logs nothing."""

    def body(self) -> bytes | None:
        """Return the body; None if its sender was killed before it had sent all of it."""
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def answer(self, status: int, content: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Standing:
    """A server that runs while its block does."""

    def __init__(self, server: BaseServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.1,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Taking(Standing):
    """A server that hands each POST to `take`; at its end, all have been answered."""

    def __init__(self) -> None:
        taking = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                if (body := self.body()) is not None:
                    taking.take(self, body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False
        super().__init__(server)
        self.host = f"127.0.0.1:{server.server_port}"

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request."""
        raise NotImplementedError


class Pausing:
    """A server from its creation on; it answers while `answering` is set."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.answering = threading.Event()
        self.answering.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve with a handler; return the URL. At the end of the block all requests have been answered."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False
    with Standing(server):
        yield f"http://127.0.0.1:{server.server_port}"
