"""Clients that post events over raw sockets, so that they take little of the machine themselves."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from tests.bench.seed import PROVIDER_ID, WEBHOOK_TOKEN, body
from tests.bodies import sign


@dataclass(frozen=True)
class Measure:
    """What one round showed; times in milliseconds."""

    per_second: float
    p50: float
    p99: float


def requests_for(run_ids: Sequence[str]) -> list[bytes]:
    """Make the whole request for each run's event."""
    return [_request(body(run_id)) for run_id in run_ids]


def post_all(port: int, requests: Sequence[bytes], clients: int) -> Measure:
    """Post all requests from so many clients at once; raises `RuntimeError` at an answer that is not 200."""
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
        connection.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            if not (part := connection.recv(4096)):
                break
            head += part
        times.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            failures.append(head[:80].decode(errors="replace"))
        if b"connection: close" in head.lower() or not head:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


def _request(payload: bytes) -> bytes:
    head = (
        f"POST /idv/onfido/v1/{PROVIDER_ID}/verify HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-SHA2-Signature: {sign(payload, WEBHOOK_TOKEN)}\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload
