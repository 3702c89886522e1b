"""The measured programs, each in a separate process that ends with the measurement."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.bench.seed import KEY
from tests.databases import put_database
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
WORKERS, THREADS = 2, 8


def new_database(directory: Path, server: str, kind: str) -> str:
    """Return the URL of a new, empty database."""
    name = f"bench_{uuid.uuid4().hex}"
    return f"sqlite:///{directory / name}.db" if kind == "sqlite" else put_database(server, name)


@contextmanager
def at_distance(url: str, milliseconds: float) -> Iterator[str]:
    """Run a proxy that delays each round trip to a database by this time; return its URL."""
    if not milliseconds:
        yield url
        return
    with started([sys.executable, "-m", "tests.bench.delay", url, str(milliseconds)]) as address:
        yield address


@contextmanager
def started(command: Sequence[str]) -> Iterator[str]:
    """Run a program of the tests; return the line that it prints once it is ready."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def connector(directory: Path, url: str, *, module: str = "connector", **variables: str) -> Iterator[int]:
    """Run `connector serve` with two processes of eight threads; return its port."""
    directory.mkdir(mode=0o700, exist_ok=True)
    port = free_port()
    environ = {
        "CONNECTOR_DATA_DIR": str(directory),
        "CONNECTOR_DATABASE_URL": url,
        "CONNECTOR_ENCRYPTION_KEYS": KEY,
        "CONNECTOR_WORKERS": str(WORKERS),
        "CONNECTOR_THREADS": str(THREADS),
        "CONNECTOR_WORKER_IN_SERVER": "never",
        "CONNECTOR_LOG_LEVEL": "INFO",
        **variables,
    }
    command = [sys.executable, "-m", module, "serve", "--dev", "--port", str(port)]
    with running(command, environ, directory / "log", f"http://127.0.0.1:{port}/readyz"):
        yield port


@contextmanager
def gunicorn(
    directory: Path, application: str, environ: Mapping[str, str], python: str = sys.executable
) -> Iterator[int]:
    """Run another application under gunicorn, with as many processes and threads; return its port."""
    port = free_port()
    command = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--no-control-socket", "--log-level", "error"]
    command += ["--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS), application]
    with running(command, environ, directory / f"{application}.log", f"http://127.0.0.1:{port}/"):
        yield port


@contextmanager
def running(
    command: Sequence[str], environ: Mapping[str, str], log: Path, url: str, root: Path = ROOT
) -> Iterator[int]:
    """Run a command until the context ends; return its process id once it answers on `url`."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=root, env=os.environ | environ, stdout=output, stderr=output)
    try:
        wait_for(url, process, log)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a URL answers; raise `RuntimeError` with its log after 60 s, or if the process has ended."""
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            if requests.get(url, timeout=5).status_code < 500:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(0.005)
    raise RuntimeError(f"{url} does not answer: {log.read_text(errors='replace')[-2000:]}")
