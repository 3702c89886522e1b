"""Envoy, HAProxy and Traefik themselves, with the examples of `deploy/proxy/`: a slow request arrives whole."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.deployment.tools import DEPLOY, ENVOY, HAPROXY, TRAEFIK, FaultError
from tests.ports import free_port

PAUSE = 1.0  # seconds between the two pieces of the body
PATIENCE = 60.0
BODY = b"x" * 4096
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def check_envoy(directory: Path, tls: Path) -> None:
    """Validate Envoy's file, then send a slow request through it."""
    with _upstream() as (port, arrivals):
        listening = free_port()
        text = _example("envoy.yaml", "/etc/envoy/tls", tls)
        text = text.replace("port_value: 8443", f"port_value: {listening}").replace("0.0.0.0", "127.0.0.1")
        text = re.sub(r"address: web-\d, port_value: 8080", f"address: 127.0.0.1, port_value: {port}", text)
        (config := directory / "envoy.yaml").write_text(text)
        ENVOY.run("--mode", "validate", "-l", "error", "-c", config)
        command = [ENVOY.path(), "-l", "error", "--concurrency", "1", "--use-dynamic-base-id", "-c", str(config)]
        _buffers(command, listening, arrivals)


def check_haproxy(directory: Path, tls: Path) -> None:
    """Validate HAProxy's file, then send a slow request through it."""
    both = directory / "tls.pem"
    both.write_text((tls / "tls.crt").read_text() + (tls / "tls.key").read_text())
    with _upstream() as (port, arrivals):
        listening = free_port()
        text = _example("haproxy.cfg", "/etc/haproxy/tls.pem", both)
        text = text.replace("bind :8443", f"bind 127.0.0.1:{listening}")
        text = re.sub(r"(server web-\d) \S+", rf"\1 127.0.0.1:{port}", text)
        (config := directory / "haproxy.cfg").write_text(text)
        HAPROXY.run("-c", "-f", config)
        _buffers([HAPROXY.path(), "-db", "-f", str(config)], listening, arrivals)


def check_traefik(directory: Path) -> None:
    """Send a slow request through Traefik, which reads its file while it runs; its certificate is its own."""
    with _upstream() as (port, arrivals):
        listening = free_port()
        text = re.sub(r"http://web-\d:8080", f"http://127.0.0.1:{port}", _example("traefik.yaml"))
        (config := directory / "traefik.yaml").write_text(text)
        command = [TRAEFIK.path(), f"--entryPoints.websecure.address=127.0.0.1:{listening}", "--log.level=ERROR"]
        command += [f"--providers.file.filename={config}", "--global.checkNewVersion=false"]
        _buffers(command, listening, arrivals)


def _example(name: str, former: str = "", path: Path | None = None) -> str:
    """Return an example of `deploy/proxy/`, with other paths of its files."""
    text = (DEPLOY / "proxy" / name).read_text()
    return text if path is None else text.replace(former, str(path))


def _buffers(command: Sequence[str], listening: int, arrivals: list[float]) -> None:
    """Run a proxy, send a body through it in two pieces, and check that the body arrives at once."""
    process = subprocess.Popen(command)
    try:
        _send_slowly(listening)
    finally:
        process.terminate()
        process.wait()
    if not arrivals or arrivals[-1] > PAUSE / 2:
        raise FaultError(f"the body did not arrive at once, but took {arrivals} seconds")


def _send_slowly(port: int) -> None:
    """Send a request in two pieces; repeat it until the proxy listens and considers the connector healthy."""
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError):
            if b" 200 " in _exchange(port):
                return
        if time.monotonic() > end:
            raise FaultError("the proxy did not pass the request on")
        time.sleep(0.2)


def _exchange(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the certificate was made for this check
    head = f"POST /idv HTTP/1.1\r\nHost: idv.example.com\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain, context.wrap_socket(plain) as sock:
        sock.sendall(head.encode() + BODY[:2048])
        time.sleep(PAUSE)
        sock.sendall(BODY[2048:])
        return sock.recv(4096).split(b"\r\n")[0]


@contextmanager
def _upstream() -> Iterator[tuple[int, list[float]]]:
    """Answer every request on a port; the yielded list has the seconds that each body took to arrive."""
    arrivals: list[float] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=_answer, args=(listener.accept()[0], arrivals), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1], arrivals
    finally:
        listener.close()


def _answer(client: socket.socket, arrivals: list[float]) -> None:
    with suppress(OSError), client:
        received, began = b"", 0.0
        while data := client.recv(65536):
            began = time.monotonic() if not received else began
            received += data
            head, separator, body = received.partition(b"\r\n\r\n")
            if separator and len(body) >= (len(BODY) if head.startswith(b"POST") else 0):
                if head.startswith(b"POST"):
                    arrivals.append(time.monotonic() - began)
                client.sendall(ANSWER)
                received = b""
