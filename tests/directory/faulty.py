"""A faulty directory: it answers each request with the next reply, and all later ones with the last."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import Standing


@dataclass(frozen=True)
class Reply:
    """An answer; a slow one sends a byte now and then."""

    status: int
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    drips: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Request:
    """A received request."""

    line: str
    headers: Mapping[str, str]
    body: Any


class FaultyDirectory(Standing):
    """Answers on loopback with `replies`; `requests` has the received requests."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.requests: list[Request] = []
        self.meanwhile: Callable[[], None] | None = None  # called once, while the next request waits for its answer
        self._is_over = threading.Event()
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        super().__init__(server)
        self.url = f"http://127.0.0.1:{server.server_port}/directory"

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        super().__exit__()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        directory = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                content = self.rfile.read(length)
                body = json.loads(content) if content[:1] == b"{" else content
                directory.requests.append(Request(f"{self.command} {self.path}", dict(self.headers), body))
                reply = directory.replies.pop(0) if len(directory.replies) > 1 else directory.replies[0]
                meanwhile, directory.meanwhile = directory.meanwhile, None
                if meanwhile:
                    meanwhile()
                directory.answer(self, reply)

            do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  the names that `http.server` calls

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.content)))
        handler.end_headers()
        try:
            if not reply.drips:
                handler.wfile.write(reply.content)
            for byte in reply.content if reply.drips else b"":
                handler.wfile.write(bytes((byte,)))
                if self._is_over.wait(0.05):
                    return
        except OSError:
            time.sleep(0)  # the other side went away, as it should
