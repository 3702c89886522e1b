"""The port of the worker's health and metrics, and clients that only connect to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest
import requests
from structlog.testing import capture_logs

from connector.process.probes import MOST_CONNECTIONS, Probes
from tests.waiting import GENEROUS, wait_until

pytestmark = pytest.mark.one_database


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    probes = Probes(bound, lambda: None, lambda: b"")
    probes.start()
    host, port = bound.getsockname()
    yield host, port
    probes.stop()


@pytest.mark.parametrize(("path", "status"), [("/readyz", 500), ("/metrics", 500), ("/healthz", 200)])
def test_a_probe_that_fails_is_answered_and_logged(path: str, status: int) -> None:
    def fail() -> NoReturn:
        raise RuntimeError

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    probes = Probes(bound, fail, fail)
    probes.start()
    try:
        with capture_logs() as logs:
            answer = requests.get(f"http://127.0.0.1:{bound.getsockname()[1]}{path}", timeout=GENEROUS)
        assert (answer.status_code, len(logs)) == (status, int(status == 500))
    finally:
        probes.stop()


@pytest.mark.parametrize("start", [b"", b"GET /heal"])
def test_clients_that_only_connect_keep_no_other_from_an_answer(address: tuple[str, int], start: bytes) -> None:
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(3 * MOST_CONNECTIONS):
            idle = stack.enter_context(socket.create_connection(address))
            idle.sendall(start)
        answer = requests.get(f"http://127.0.0.1:{address[1]}/healthz", timeout=GENEROUS)
        assert answer.json() == {"status": "alive"}
        wait_until(lambda: threading.active_count() - before <= MOST_CONNECTIONS)
    wait_until(lambda: threading.active_count() <= before)
