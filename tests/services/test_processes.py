"""Processes as an operator runs them: told to stop (SIGTERM) they end what they are at; they share what is one's."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import RowMapping, select

from connector.access.development import mint_token
from connector.bootstrap import Services, create_services
from connector.domain.provider import Provider, ProviderConfig
from connector.domain.tenancy import DEFAULT_TENANT
from connector.server import PATIENCE
from connector.services.results.deliveries import CheckVerification
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store import outbox
from connector.store.engine import Database
from connector.store.models import outbox as outbox_table
from connector.store.models import verifications
from tests.faults.deployment import Deployment, Process
from tests.harness import API_TOKEN, MAPPING, VALUES, WORKFLOW_ID, Caller
from tests.services.test_workers import wait_until

CREATE_APPLICANT, READ_RUN = "POST /applicants", "GET /workflow_runs/{run_id}"
LATENCY = 700  # milliseconds of one call to Onfido


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    return own_settings


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The use cases on the database of the processes."""
    opened = create_services(settings)
    opened.users.add(DEFAULT_TENANT, "ann", VALUES)
    yield opened
    opened.close()


@pytest.fixture
def provider(services: Services, simulator: Simulator) -> Provider:
    config = ProviderConfig("Onfido", True, MAPPING, WORKFLOW_ID, simulator.api_url, api_token=API_TOKEN)
    return services.providers.add(DEFAULT_TENANT, config)


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    return {
        "CONNECTOR_DATA_DIR": str(settings.data_dir),
        "CONNECTOR_DATABASE_URL": settings.database_url,
        "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true",
        "CONNECTOR_WORKER_IN_SERVER": "never",
        "CONNECTOR_SWEEP_INTERVAL": "3600",
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server of its own on SQLite, for what needs no more."""
    directory = tmp_path_factory.mktemp("served")
    deployment = Deployment(
        {"CONNECTOR_DATA_DIR": str(directory / "data"), "CONNECTOR_THREADS": "2"}, directory, webs=1, workers=0
    )
    try:
        deployment.start_processes()
        yield deployment
    finally:
        deployment.kill()


def connect(stack: ExitStack, deployment: Deployment) -> socket.socket:
    """Speak to a server without a client's manners."""
    address = urlsplit(deployment.urls[0])
    return stack.enter_context(socket.create_connection((str(address.hostname), address.port or 0), timeout=10))


def logged(deployment: Deployment) -> list[dict[str, Any]]:
    return [json.loads(line) for line in deployment.logs[0].read_text().splitlines()]


def make_slow(simulator: Simulator, route: str) -> Callable[[], bool]:
    """Let one of Onfido's calls take its time; gives whether it was made."""
    url = f"{simulator.url}/simulator"
    assert requests.patch(f"{url}/faults", json={"route": route, "latency_ms": LATENCY}, timeout=10).ok
    return lambda: route in requests.get(f"{url}/state", timeout=10).json()["requests"]


def rows(database: Database, table: Any) -> list[RowMapping]:
    with database.read() as connection:
        return list(connection.execute(select(table)).mappings())


def only(database: Database, table: Any) -> RowMapping:
    [row] = rows(database, table)
    return row


def test_server_answers_the_request_under_way_and_keeps_no_lease(
    environ: dict[str, str],
    settings: Settings,
    provider: Provider,
    services: Services,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    deployment = Deployment(environ, tmp_path, webs=1, workers=0)
    has_begun = make_slow(simulator, CREATE_APPLICANT)
    try:
        deployment.start_processes()
        token = mint_token(settings.data_dir, "ann", ["internal_login"])
        ann = Caller(deployment.urls[0], {"Authorization": f"Bearer {token}"})
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ann.verify, provider.provider_id, "INITIATED")
            wait_until(has_begun)
            status = deployment.webs[0].stop()
        assert answer.result().status_code == 200, answer.result().text
    finally:
        deployment.kill()

    assert status == 0
    assert rows(services.database, outbox_table) == [], "it was told to do none of the worker's part"
    attempt = only(services.database, verifications)
    assert (attempt["status"], attempt["lease_owner"]) == ("awaiting_input", None)


def test_servers_processes_share_the_rate_limit(
    environ: dict[str, str], settings: Settings, provider: Provider, simulator: Simulator, tmp_path: Path
) -> None:
    limits = {"WORKERS": "2", "ONFIDO_RATE_LIMIT": "20", "INTERACTIVE_BUDGET": "1", "RUN_SETTLE_TIME": "1"}
    deployment = Deployment(
        environ | {f"CONNECTOR_{name}": value for name, value in limits.items()}, tmp_path, webs=1, workers=0
    )
    try:
        deployment.start_processes()
        token = mint_token(settings.data_dir, "ann", ["internal_login"])
        ann = Caller(deployment.urls[0], {"Authorization": f"Bearer {token}"})
        answer = ann.verify(provider.provider_id, "INITIATED")
    finally:
        deployment.kill()

    assert (answer.status_code, answer.json()["code"]) == (503, "OIDV-10045"), "each has a bucket of one call"
    assert CREATE_APPLICANT in requests.get(f"{simulator.url}/simulator/state", timeout=10).json()["requests"]


def test_worker_ends_the_delivery_under_way_and_holds_no_other(
    environ: dict[str, str], provider: Provider, services: Services, simulator: Simulator, tmp_path: Path
) -> None:
    begun = services.verifications.initiate(DEFAULT_TENANT, "ann", provider.provider_id, list(MAPPING))
    run_id = begun.verification.run_id
    outcome = f"{simulator.url}/simulator/runs/{run_id}/outcome"
    assert requests.post(outcome, json={"status": "approved"}, timeout=10).ok
    check = CheckVerification(only(services.database, verifications)["id"])
    with services.database.write() as connection:
        outbox.add(connection, check)
    has_begun = make_slow(simulator, READ_RUN)

    worker = Process(["worker"], environ, tmp_path / "worker.log")
    try:
        worker.start()
        wait_until(has_begun)
        status = worker.stop()
    finally:
        worker.kill()

    assert status == 0
    found = rows(services.database, outbox_table)
    assert (CheckVerification.kind, "done") in [(row["kind"], row["state"]) for row in found]
    assert {row["owner"] for row in found} == {None}
    assert only(services.database, verifications)["status"] == "approved"


def test_silent_clients_keep_nobody_out(served: Deployment) -> None:
    silent = [b"GET /healthz HTTP/1.1\r\nHo", b"POST /idv/onfido/v1/x/verify HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
    with ExitStack() as stack:
        for begun in silent:
            connect(stack, served).sendall(begun)
        time.sleep(0.3)  # each has a thread by now
        assert requests.get(f"{served.urls[0]}/healthz", timeout=PATIENCE + 10).ok
        time.sleep(1)  # what is said of them is said by now
    assert [line for line in logged(served) if line["level"] not in ("debug", "info")] == []


@pytest.mark.parametrize("body", [b"zz\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX"])
def test_body_that_is_no_http_is_refused_as_every_other(served: Deployment, body: bytes) -> None:
    head = b"POST /idv/onfido/v1/x/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ExitStack() as stack:
        connection = connect(stack, served)
        connection.sendall(head + body)
        answer = stack.enter_context(HTTPResponse(connection))
        answer.begin()
        told = json.loads(answer.read())
    assert (answer.status, told["code"]) == (400, "HTTP-400")


def test_header_says_nothing_of_the_path(served: Deployment) -> None:
    answer = requests.get(f"{served.urls[0]}/x/metrics", headers={"SCRIPT_NAME": "/x"}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (404, "HTTP-404")
