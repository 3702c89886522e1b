"""A relay between the connector and Onfido, like a proxy, that can hold calls and change Onfido's answers."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.bodies import config_properties, provider_body
from tests.harness import World

API = "/v3.6"
PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Answer:
    """An answer to the connector."""

    content: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Change = Callable[[str, str, Answer], Answer]


class Held:
    """A call to Onfido, or its answer, that is held until the test releases it."""

    def __init__(self) -> None:
        self.has_come = threading.Event()
        self.may_go = threading.Event()
        self.connection: socket.socket | None = None

    def wait(self) -> None:
        """Wait until the call has come."""
        assert self.has_come.wait(PATIENCE)

    def hang_up(self) -> None:
        """End the connection to the connector; the call itself is still held, and reaches Onfido later."""
        assert self.connection
        self.connection.shutdown(socket.SHUT_RDWR)


class Between(ThreadingHTTPServer):
    """Passes every call on; `change` returns the answer, from the call's method, its path and Onfido's answer."""

    def __init__(self, onfido: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.onfido = onfido
        self.change: Change = lambda _method, _path, answer: answer
        self.closes = False  # the connection after each call
        self._held: dict[tuple[str, str, bool], Held] = {}

    def hold(self, method: str, path: str, *, is_answer: bool = False) -> Held:
        """Hold the next such call, or its answer."""
        held = self._held[method, path, is_answer] = Held()
        return held

    def let_pass(self, call: _Handler, path: str, *, is_answer: bool = False) -> None:
        """Wait while such a call, or its answer, is held."""
        if held := self._held.pop((call.command, path, is_answer), None):
            held.connection = call.connection
            held.has_come.set()
            assert held.may_go.wait(PATIENCE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log errors, except that a connection was ended."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name in ("Authorization", "Content-Type")}
        url = self.server.onfido + self.path
        path = self.path.partition("?")[0].removeprefix(API)
        self.server.let_pass(self, path)
        onfidos = requests.request(self.command, url, data=body, headers=headers, timeout=60)
        self.server.let_pass(self, path, is_answer=True)
        answer = self.server.change(self.command, path, Answer(onfidos.content, onfidos.status_code))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.server.closes:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815  the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def _running(server: Between) -> Iterator[Between]:
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def between(world: World) -> Iterator[Between]:
    """Route the provider's calls to Onfido through a relay, which changes nothing until a test asks for it."""
    with _running(Between(world.simulator.url)) as server:
        _use(world, base_url=f"http://127.0.0.1:{server.server_port}{API}")
        try:
            yield server
        finally:
            _use(world, base_url=world.simulator.api_url)


def _use(world: World, base_url: str) -> None:
    """Change the provider's base URL."""
    token = {"webhook_token": world.webhook_token} if world.webhook_token else {}
    properties = config_properties(world.simulator, base_url=base_url, **token)
    path = f"/api/server/v1/idv-providers/{world.provider_id}"
    answer = world.connector.as_admin(world.tenant).put(
        path, provider_body(world.simulator, configProperties=properties)
    )
    assert answer.ok or answer.json()["code"] == "IDVP-60000", answer.text  # a test may have removed it
