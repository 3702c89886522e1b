"""Clients that send prepared requests over raw sockets, so that they themselves use little CPU time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Measure:
    """The results of one round: requests per second, and times in milliseconds."""

    per_second: float
    p50: float
    p99: float


def middle(rounds: Iterable[Measure]) -> Measure:
    """Return the medians of some rounds."""
    columns = zip(*((each.per_second, each.p50, each.p99) for each in rounds), strict=True)
    return Measure(*(median(column) for column in columns))


def ratio(first: Sequence[Measure], second: Sequence[Measure], name: str) -> float:
    """Return the median of the rounds' ratios: in one round, other work on the machine slows both sides."""
    return median(float(getattr(a, name) / getattr(b, name)) for a, b in zip(first, second, strict=True))


def post(path: str, body: bytes, signature: str) -> bytes:
    """Return the bytes of a request that posts a signed event."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-SHA2-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str, token: str) -> bytes:
    """Return the bytes of a GET request with a token."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def send_all(port: int, requests: Sequence[bytes], clients: int) -> Measure:
    """Send all requests with this number of concurrent clients; raise `RuntimeError` if an answer is not 200."""
    times: list[float] = []
    failures: list[str] = []
    threads = [
        threading.Thread(target=_client, args=(port, requests[at::clients], times, failures)) for at in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if failures:
        raise RuntimeError(f"{len(failures)} requests failed, the first with {failures[0]}")
    cuts = quantiles(times, n=100)
    return Measure(len(requests) / seconds, cuts[49] * 1000, cuts[98] * 1000)


def _client(port: int, requests: Sequence[bytes], times: list[float], failures: list[str]) -> None:
    connection: socket.socket | None = None
    for request in requests:
        began = time.perf_counter()
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request)
        head = _read(connection)
        times.append(time.perf_counter() - began)
        if not head.startswith(b"http/1.1 200"):
            failures.append(head[:80].decode(errors="replace"))
        if b"connection: close" in head or not head:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


def _read(connection: socket.socket) -> bytes:
    """Read a whole answer; return its head in lower case."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            return received.lower()
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    head = head.lower()
    left = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0) - len(body)
    while left > 0 and (part := connection.recv(65536)):
        left -= len(part)
    return head
