from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido
from tests.processes import running

Json = dict[str, Any]

PING = b"GET /v3.6/ping HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def wire(simulator: Simulator) -> Iterator[socket.socket]:
    """A bare connection, for requests that no client would send."""
    with closing(socket.create_connection((simulator.host, simulator.port), timeout=60)) as connection:
        yield connection


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def read_all(wire: socket.socket) -> bytes:
    wire.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: wire.recv(65_536), b""))


def test_ping_needs_no_token(simulator: Simulator, vendor: onfido.DefaultApi) -> None:
    answer = requests.get(f"{simulator.api_url}/ping", timeout=60)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert vendor.ping() == "OK"


@pytest.mark.parametrize(
    "header", [None, "", "Token token=", "Token token=wrong", "Bearer api_sandbox.x", "Token token=api_sandbox.x y"]
)
def test_an_unknown_token_is_refused(simulator: Simulator, header: str | None) -> None:
    for path in ("applicants", "no_such_thing"):
        answer = requests.get(f"{simulator.api_url}/{path}", headers={"Authorization": header}, timeout=60)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "authorization_error"


def test_the_vendors_client_sees_a_wrong_token(simulator: Simulator) -> None:
    client = onfido.ApiClient(onfido.Configuration(host=simulator.api_url, api_token="wrong"))
    with pytest.raises(onfido.exceptions.UnauthorizedException):
        onfido.DefaultApi(client).list_applicants()
    client.rest_client.pool_manager.clear()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v3.6/checks", 404), ("GET", "/v2", 404), ("PATCH", "/v3.6/applicants", 405)],
)
def test_unsupported_calls_are_refused_like_at_onfido(
    simulator: Simulator, http: requests.Session, method: str, path: str, status: int
) -> None:
    answer = http.request(method, simulator.url + path, timeout=60)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"type", "message", "fields"}
    assert answer.headers["X-Request-Id"]


def test_a_client_keeps_its_connection_through_successes_and_refusals(wire: socket.socket) -> None:
    refused = b"POST /v3.6/applicants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345"
    wire.sendall(PING + refused + PING)
    answer = read_all(wire)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"HTTP/1.1 401 Unauthorized") == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET http://[broken/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /v3.6/applicants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{}", 400),
        (b"POST /v3.6/applicants HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
        (b"POST /v3.6/applicants HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n{", 413),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_closed(
    wire: socket.socket, request_bytes: bytes, status: int
) -> None:
    wire.sendall(request_bytes)
    answer = read_all(wire)
    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_hundred_concurrent_callers_get_a_run_each(
    new_run: Callable[..., Json], end_run: Callable[..., Json], state_of: Callable[[], Json]
) -> None:
    with ThreadPoolExecutor(100) as pool:
        ended = list(pool.map(lambda _: end_run(new_run()), range(100)))
    assert len({run["id"] for run in ended}) == 100
    state = state_of()
    assert state["counts"]["runs"] == state["requests"]["POST /workflow_runs"] == 100
    assert {run["status"] for run in state["runs"]} == {"approved"}


def test_only_one_of_two_concurrent_outcomes_counts(
    simulator: Simulator, http: requests.Session, new_run: Callable[..., Json]
) -> None:
    for _ in range(10):
        url = f"{simulator.url}/simulator/runs/{new_run()['id']}/outcome"
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, url=url: http.post(url, json={}, timeout=60).status_code, range(4)))
        assert sorted(answers) == [200, 409, 409, 409]


def test_a_stop_leaves_no_thread_and_no_open_port() -> None:
    before = set(threading.enumerate())
    simulator = Simulator()
    simulator.start()
    with closing(socket.create_connection((simulator.host, simulator.port), timeout=60)) as idle:
        idle.sendall(PING)
        answer = b""
        while not answer.endswith(b"OK"):
            answer += idle.recv(65_536)
        simulator.stop()
        assert idle.recv(1) == b""
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((simulator.host, simulator.port), timeout=60)


def test_a_stop_does_not_wait_for_delayed_calls(http: requests.Session) -> None:
    simulator = Simulator()
    simulator.start()
    http.patch(f"{simulator.url}/simulator/faults", json={"latency_ms": 60_000}, timeout=60).raise_for_status()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(http.get, f"{simulator.api_url}/applicants", timeout=60)
        while not http.get(f"{simulator.url}/simulator/state", timeout=60).json()["requests"]:
            time.sleep(0.01)
        simulator.stop()
        assert not isinstance(held.exception(), requests.Timeout), "the stop waits for it"


def test_an_outage_keeps_the_address_and_the_state(http: requests.Session) -> None:
    simulator = Simulator()
    with simulator:
        url = simulator.api_url
        body = {"first_name": "Ada", "last_name": "Lovelace"}
        applicant = http.post(f"{url}/applicants", json=body, timeout=60).json()
    with pytest.raises(requests.ConnectionError):
        http.get(f"{url}/applicants/{applicant['id']}", timeout=60)
    with simulator:
        assert http.get(f"{url}/applicants/{applicant['id']}", timeout=60).json() == applicant


def test_a_taken_port_is_an_error_and_stops_cleanly(simulator: Simulator) -> None:
    other = Simulator(port=simulator.port)
    with pytest.raises(OSError, match="in use"):
        other.start()
    other.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_simulator_in_the_foreground_ends_on_a_signal(number: signal.Signals) -> None:
    program = (
        "from connector.simulator.server import serve;"
        "serve('127.0.0.1', 0, on_ready=lambda simulator: print(simulator.api_url, flush=True))"
    )
    with running([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/ping", timeout=60).status_code == 200
        os.kill(process.pid, number)
        assert process.wait(timeout=60) == 0
