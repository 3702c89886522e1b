"""Peers that behave badly: each connection is answered by a script, over plain TCP or TLS, on loopback."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = Callable[["Exchange"], None]
HEAD = b"HTTP/1.1 200 OK\r\n"


class Exchange:
    """One connection as the peer sees it."""

    def __init__(self, sock: socket.socket, is_over: threading.Event) -> None:
        self.sock = sock
        self.is_over = is_over

    def read_head(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head and (piece := self.sock.recv(4096)):
            head += piece
        return head

    def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        for piece in pieces:
            self.sock.sendall(piece)
            self.is_over.wait(pause)

    def drip(self, content: bytes, pause: float = 0.05) -> None:
        """Send byte after byte, slowly, again and again until the other side goes away."""
        while not self.is_over.is_set():
            self.send(*(bytes((each,)) for each in content), pause=pause)


class Peer:
    """Listens on loopback and answers each connection with the script; `heads` keeps the requests."""

    def __init__(self, script: Script, certificate: Path | None = None) -> None:
        self.script = script
        self.heads: list[bytes] = []
        self.is_over = threading.Event()
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'http' if certificate is None else 'https'}://{self.host}/path?secret=1"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Peer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        self._listener.close()

    def _accept(self) -> None:
        while not self.is_over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock, self._context.wrap_socket(sock, server_side=True) if self._context else sock as wrapped:
                exchange = Exchange(wrapped, self.is_over)
                self.heads.append(exchange.read_head())
                self.script(exchange)
        except OSError:
            return  # the other side went away, as it should


def answering(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> Script:
    """Return a script that sends one answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def script(exchange: Exchange) -> None:
        exchange.send(answer)

    return script


def drips_before_the_head(exchange: Exchange) -> None:
    exchange.drip(b"H")


def drips_in_the_status_line(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 ")
    exchange.drip(b"O")


def drips_headers(exchange: Exchange) -> None:
    exchange.send(HEAD + b"X-Thing: ")
    exchange.drip(b"x")


def sends_interim_answers(exchange: Exchange) -> None:
    exchange.drip(b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.001)


def drips_a_body(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Content-Length: 9999\r\n\r\n")
    exchange.drip(b"x")


def drips_a_body_of_no_length(exchange: Exchange) -> None:
    exchange.send(HEAD + b"\r\n")
    exchange.drip(b"x")


def drips_chunks(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    exchange.drip(b"1\r\nx\r\n")


def drips_a_chunks_extension(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;")
    exchange.drip(b"x")


def drips_trailers(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    exchange.drip(b"X-Thing: y\r\n")


def sends_compressed_nothing(exchange: Exchange) -> None:
    exchange.send(HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10])
    exchange.drip(b"\x00\x00\x00\xff\xff", pause=0.001)  # empty blocks of deflate


def says_nothing(exchange: Exchange) -> None:
    exchange.is_over.wait()


# Answers that do not end, each slow at another place.
ENDLESS: Sequence[Script] = (
    drips_before_the_head,
    drips_in_the_status_line,
    drips_headers,
    sends_interim_answers,
    drips_a_body,
    drips_a_body_of_no_length,
    drips_chunks,
    drips_a_chunks_extension,
    drips_trailers,
    sends_compressed_nothing,
    says_nothing,
)


def passes_on(port: int) -> Script:
    """Return a proxy's script that forwards a connection to a port on loopback."""

    def script(exchange: Exchange) -> None:
        with socket.create_connection(("127.0.0.1", port)) as onward:
            exchange.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=copy, args=(onward, exchange.sock))
            back.start()
            copy(exchange.sock, onward)
            back.join()

    return script


def copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look up no name, until the end of the block."""
    is_over = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        is_over.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        yield
    finally:
        is_over.set()


def make_certificate(directory: Path, name: str = "peer") -> tuple[Path, Path]:
    """Make a self-signed certificate for loopback; returns the file with its key, and the one without."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole, alone = directory / f"{name}.pem", directory / f"{name}-ca.pem"
    whole.write_bytes(private + public)
    alone.write_bytes(public)
    return whole, alone
