"""A proxy in front of PostgreSQL that counts round trips at the wire, and can delay them.

A round trip ends with the server's ReadyForQuery: until then the client waits for the answers to what it sent.
"""

from __future__ import annotations

import queue
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

READY_FOR_QUERY = ord("Z")
HEADER = 5  # one byte of type, four of length


class PostgresqlProxy:
    """Forwards connections to the server of a URL. `url` leads through it; `delay` is in seconds, one way.

    Unless the event `passes_on` is set, it holds what it receives, like a server that hangs.
    """

    def __init__(self, url: str, delay: float = 0.0) -> None:
        parsed = make_url(url)
        self._directory = Path(str(parsed.query["host"]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._delay = delay
        self._sockets: list[socket.socket] = []
        self.round_trips = 0
        self.passes_on = threading.Event()
        self.passes_on.set()
        port = self._listener.getsockname()[1]
        plain = {"sslmode": "disable", "gssencmode": "disable"}  # encrypted messages cannot be counted
        self.url = parsed.set(host="127.0.0.1", port=port, query=plain).render_as_string(hide_password=False)
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def counted(self) -> Iterator[list[int]]:
        """Count the round trips of a block; the list's only item is their number once the block has ended."""
        before = self.round_trips
        numbers: list[int] = []
        yield numbers
        numbers.append(self.round_trips - before)

    def close(self) -> None:
        """Stop listening, and close every connection."""
        self._listener.close()
        self.passes_on.set()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(next(self._directory.glob(".s.PGSQL.*[0-9]"))))
            self._sockets += [client, server]
            for source, target, count in ((client, server, None), (server, client, _Messages(self))):
                self._forward(source, target, count)

    def _forward(self, source: socket.socket, target: socket.socket, count: _Messages | None) -> None:
        """Pass data on after the delay; with two threads, so that later data is read during the delay."""
        parts: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def receive() -> None:
            while data := _received(source):
                if count:
                    count.read(data)
                parts.put((time.monotonic() + self._delay, data))
            parts.put((0.0, b""))

        def send() -> None:
            while True:
                at, data = parts.get()
                self.passes_on.wait()
                time.sleep(max(0.0, at - time.monotonic()))
                try:
                    if not data:
                        target.shutdown(socket.SHUT_WR)
                        return
                    target.sendall(data)
                except OSError:
                    return

        threading.Thread(target=receive, daemon=True).start()
        threading.Thread(target=send, daemon=True).start()


class _Messages:
    """The server's messages on one connection, parsed."""

    def __init__(self, proxy: PostgresqlProxy) -> None:
        self._proxy = proxy
        self._rest = b""

    def read(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= HEADER:
            length = 1 + int.from_bytes(self._rest[1:HEADER], "big")
            if len(self._rest) < length:
                return
            self._proxy.round_trips += self._rest[0] == READY_FOR_QUERY
            self._rest = self._rest[length:]


def _received(source: socket.socket) -> bytes:
    try:
        select.select([source], [], [])
        return source.recv(65536)
    except (OSError, ValueError):  # closed meanwhile
        return b""
