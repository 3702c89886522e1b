"""`python -m tests.soak.forward 127.0.0.1:80=10.0.0.1:8080 …`: forwards connections."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from contextlib import suppress


def main() -> None:
    for pair in sys.argv[1:]:
        here, _, there = pair.partition("=")
        listener = socket.create_server(_address(here), backlog=256)
        threading.Thread(target=_accept, args=(listener, _address(there)), daemon=True).start()
    print("ready", flush=True)
    signal.pause()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(target, timeout=10)
        except OSError:
            client.close()
            continue
        server.settimeout(None)
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
