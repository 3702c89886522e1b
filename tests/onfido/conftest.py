"""A scripted Onfido: a real HTTP server on loopback that sends the answers of a test, in their order."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.errors import OnfidoError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from tests.waiting import GENEROUS, wait_until

API_TOKEN = "api_sandbox.not-a-real-token"
FOR_EVER = 600.0  # seconds, as a delay: until the test is over


@dataclass(frozen=True)
class Reply:
    """What the server answers: after `delay` seconds, in `pieces` that are `pause` seconds apart, or nothing at all.

    With a `declared_length` beyond the body's, the answer breaks off; without `has_length`, the connection's end is
    the body's end. The body is sent `times` times. The answer waits for the event `after`.
    """

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pieces: int = 1
    pause: float = 0.0
    declared_length: int | None = None
    has_length: bool = True
    times: int = 1
    is_dropped: bool = False
    after: threading.Event | None = None

    @property
    def content(self) -> bytes:
        if self.status == HTTPStatus.NO_CONTENT:  # a body would be taken for the beginning of the next answer
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    content: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class ScriptedOnfido(ThreadingHTTPServer):
    """Answers by a script, then 500, so that a request too many fails the test."""

    daemon_threads = False
    request_queue_size = 128  # many threads connect at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Reply] = deque()
        self.received: list[Received] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self.broken = threading.Event()
        self.stopped = threading.Event()

    @property
    def base_url(self) -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}/v3.6"

    def speak_tls(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def answers(self, *replies: Reply) -> None:
        self.script.extend(replies)

    def wait_for(self, requests: int) -> None:
        """Wait until this number of requests has arrived: a client may have given up before that."""
        wait_until(lambda: len(self.received) == requests)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        self._open.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """End idle connections, which clients keep open, and wait for the threads that serve them."""
        for each in self._open:
            with suppress(OSError):  # closed before
                each.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: the clients under test abort connections on purpose."""
        self.broken.set()


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedOnfido
    protocol_version = "HTTP/1.1"
    timeout = GENEROUS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.script.popleft() if self.server.script else Reply(500)
        self.server.received.append(Received(self.command, self.path, dict(self.headers), content))
        self._send(reply)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  the names that the base class looks for

    def _send(self, reply: Reply) -> None:
        self.server.stopped.wait(reply.delay)
        if reply.after:
            reply.after.wait(GENEROUS)
        if reply.is_dropped:
            self.close_connection = True
            return
        content = reply.content
        begin = self.send_response_only if "Date" in reply.headers else self.send_response
        begin(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.has_length:
            self.send_header("Content-Length", str(reply.declared_length or len(content) * reply.times))
        self.end_headers()
        for _ in range(reply.times - 1):
            self.wfile.write(content)
        size = -(-len(content) // reply.pieces) or 1
        for start in range(0, len(content), size):
            self.wfile.write(content[start : start + size])
            self.server.stopped.wait(reply.pause)
        self.close_connection = reply.declared_length is not None or not reply.has_length

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the base class
        pass


class FakeTime:
    """A clock that moves on request, or when a thread sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def serve() -> Iterator[ScriptedOnfido]:
    with ScriptedOnfido() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def timed(onfido: ScriptedOnfido, fake_time: FakeTime) -> Iterator[OnfidoClient]:
    """A client whose pauses only move its clock."""
    with closing(OnfidoTransport(read_timeout=GENEROUS, clock=fake_time, sleep=fake_time.sleep)) as transport:
        yield transport.client(onfido.base_url, API_TOKEN)


@pytest.fixture
def onfido(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedOnfido]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serve() as server:
        yield server


@pytest.fixture
def elsewhere(onfido: ScriptedOnfido) -> Iterator[ScriptedOnfido]:
    """Another region."""
    del onfido
    with serve() as server:
        yield server


@pytest.fixture
def transport(onfido: ScriptedOnfido) -> Iterator[OnfidoTransport]:
    """The transport, which is closed before the server: its threads wait for open connections."""
    del onfido
    with closing(OnfidoTransport(connect_timeout=GENEROUS, read_timeout=GENEROUS)) as transport:
        yield transport


@pytest.fixture
def client(onfido: ScriptedOnfido, transport: OnfidoTransport) -> OnfidoClient:
    return transport.client(onfido.base_url, API_TOKEN)


def unanswered(call: Callable[[], object]) -> OnfidoError:
    """Return the error of a call that is sent, and not answered before its short deadline.

    A busy machine may need several attempts to send it in time.
    """
    errors: list[OnfidoError] = []

    def is_sent() -> bool:
        with pytest.raises(OnfidoError) as caught:
            call()
        errors.append(caught.value)
        return caught.value.is_sent

    wait_until(is_sent)
    return errors[-1]


def self_signed(path: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and `files.example`, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("files.example")]
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + secret)
    return path
