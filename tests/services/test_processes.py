"""Processes as an operator runs them: they share their state, and finish their work on SIGTERM."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from select import POLLRDHUP, poll
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import RowMapping, select

from connector.access.development import mint_token
from connector.bootstrap import Services, create_services
from connector.domain.providers.provider import Provider, ProviderConfig
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.services.results.deliveries import CheckVerification
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.models import outbox as outbox_table
from connector.store.models import verifications
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.faults.deployment import Deployment, Process
from tests.harness import Caller
from tests.values import MAPPING, VALUES
from tests.waiting import GENEROUS, wait_until

CREATE_APPLICANT, READ_RUN = "POST /applicants", "GET /workflow_runs/{run_id}"


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    return own_settings


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The use cases on the database of the processes."""
    opened = create_services(settings)
    opened.users.add(Tenant(DEFAULT_TENANT), "ann", VALUES)
    yield opened
    opened.close()


@pytest.fixture
def provider(services: Services, simulator: Simulator) -> Provider:
    config = ProviderConfig("Onfido", True, MAPPING, WORKFLOW_ID, simulator.api_url, api_token=API_TOKEN)
    return services.providers.add(Tenant(DEFAULT_TENANT), config)


@dataclass(frozen=True)
class Ground:
    """What processes share: their environment, a provider at Onfido, and the use cases on their database."""

    environ: Mapping[str, str]
    provider: Provider
    services: Services
    simulator: Simulator

    def verify(self, url: str, user_id: str, status: str) -> requests.Response:
        """Call a server as a user."""
        token = mint_token(self.services.settings.data_dir, user_id, ["internal_login"])
        caller = Caller(url, {"Authorization": f"Bearer {token}"})
        return caller.verify(self.provider.provider_id, status)


@pytest.fixture
def ground(environ: Mapping[str, str], provider: Provider, services: Services, simulator: Simulator) -> Ground:
    return Ground(environ, provider, services, simulator)


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
    """A separate server on SQLite, for tests that need only one process."""
    directory = tmp_path_factory.mktemp("served")
    deployment = Deployment(
        {"CONNECTOR_DATA_DIR": str(directory / "data"), "CONNECTOR_THREADS": "2"}, directory, webs=1, workers=0
    )
    try:
        deployment.start_processes()
        yield deployment
    finally:
        deployment.kill()


def connect(stack: ExitStack, deployment: Deployment, buffer: int = 65_536) -> socket.socket:
    """Open a bare connection to a server, for requests that no client sends."""
    address = urlsplit(deployment.urls[0])
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.settimeout(GENEROUS)
    client.connect((address.hostname, address.port))
    return client


def logged(deployment: Deployment) -> list[dict[str, Any]]:
    return [json.loads(line) for line in deployment.logs[0].read_text().splitlines()]


def set_faults(simulator: Simulator, **switches: Any) -> None:
    assert requests.patch(f"{simulator.url}/simulator/faults", json=switches, timeout=60).ok


def hold(simulator: Simulator, route: str, milliseconds: int = 60_000) -> Callable[[], bool]:
    """Delay one of the calls to Onfido; return whether it was made."""
    set_faults(simulator, route=route, latency_ms=milliseconds)
    state = f"{simulator.url}/simulator/state"
    return lambda: route in requests.get(state, timeout=60).json()["requests"]


def rows(database: Database, table: Any) -> list[RowMapping]:
    with database.read() as connection:
        return list(connection.execute(select(table)).mappings())


def only(database: Database, table: Any) -> RowMapping:
    [row] = rows(database, table)
    return row


def test_a_stopping_server_answers_the_request_in_flight_and_keeps_no_lease(ground: Ground, tmp_path: Path) -> None:
    deployment = Deployment(ground.environ, tmp_path, webs=1, workers=0)
    has_begun = hold(ground.simulator, CREATE_APPLICANT, 2_000)
    try:
        deployment.start_processes()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ground.verify, deployment.urls[0], "ann", "INITIATED")
            wait_until(has_begun)
            status = deployment.webs[0].stop()
        assert answer.result().status_code == 200, answer.result().text
    finally:
        deployment.kill()

    assert status == 0
    assert rows(ground.services.database, outbox_table) == [], "its settings exclude the worker's part"
    verification = only(ground.services.database, verifications)
    assert (verification["status"], verification["lease_owner"]) == ("awaiting_input", None)


def test_servers_share_the_rate_limit(ground: Ground, tmp_path: Path) -> None:
    """The bucket has one call, and gets another after minutes; with separate limits, each server would make one."""
    ground.services.users.add(Tenant(DEFAULT_TENANT), "ben", VALUES)
    limits = {"WORKERS": "1", "ONFIDO_RATE_LIMIT": "0.4", "INTERACTIVE_BUDGET": "60", "RUN_SETTLE_TIME": "60"}
    environ = {**ground.environ, **{f"CONNECTOR_{name}": value for name, value in limits.items()}}
    deployment = Deployment(environ, tmp_path, webs=2, workers=0)
    try:
        deployment.start_processes()
        calls = zip(deployment.urls, ("ann", "ben"), strict=True)
        answers = [ground.verify(url, user_id, "INITIATED") for url, user_id in calls]
    finally:
        deployment.kill()

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(503, "OIDV-10045")] * 2
    made = requests.get(f"{ground.simulator.url}/simulator/state", timeout=60).json()["requests"]
    assert made[CREATE_APPLICANT] == 1, "the account's one call was the first server's"


def test_a_stopping_worker_ends_the_delivery_in_flight_and_leases_no_other(
    environ: dict[str, str], provider: Provider, services: Services, simulator: Simulator, tmp_path: Path
) -> None:
    begun = services.verifications.initiate(Tenant(DEFAULT_TENANT), "ann", provider.provider_id, list(MAPPING))
    run_id = begun.verification.run_id
    outcome = f"{simulator.url}/simulator/runs/{run_id}/outcome"
    assert requests.post(outcome, json={"status": "approved"}, timeout=60).ok
    check = CheckVerification(
        *(only(services.database, verifications)[name] for name in ("tenant", "provider_id", "id"))
    )
    with services.database.write() as connection:
        outbox.add(connection, check)
    has_begun = hold(simulator, READ_RUN, 2_000)

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


def test_one_tenants_calls_to_onfido_leave_threads_to_others(ground: Ground, tmp_path: Path) -> None:
    """One tenant's calls to Onfido occupy two of four threads; further calls are refused without waiting."""
    users, services = [f"user-{number}" for number in range(12)], ground.services
    for user_id in users:
        services.users.add(Tenant(DEFAULT_TENANT), user_id, VALUES)
        services.verifications.initiate(Tenant(DEFAULT_TENANT), user_id, ground.provider.provider_id, list(MAPPING))
    deployment = Deployment({**ground.environ, "CONNECTOR_THREADS": "4"}, tmp_path, webs=1, workers=0)
    url = deployment.urls[0]
    try:
        deployment.start_processes()
        hold(ground.simulator, READ_RUN)
        with ThreadPoolExecutor(len(users)) as pool:
            answers = [pool.submit(ground.verify, url, user_id, "COMPLETED") for user_id in users]
            wait_until(lambda: len([answer for answer in answers if answer.done()]) == len(users) - 2)
            other = mint_token(services.settings.data_dir, "ann", ["internal_login"], "other.example")
            theirs = f"{url}/t/other.example/api/users/v1/me/idv/claims"
            assert requests.get(theirs, headers={"Authorization": f"Bearer {other}"}, timeout=60).status_code == 404
            assert requests.get(f"{url}/readyz", timeout=60).status_code == 200
            assert requests.post(f"{url}/idv/onfido/v1/x/verify", b"{}", timeout=60).status_code == 404
            assert len([answer for answer in answers if not answer.done()]) == 2, "all this was answered meanwhile"
            refused = [answer.result() for answer in answers if answer.done()]
            assert {answer.status_code for answer in refused} == {429}
            assert {answer.json()["code"] for answer in refused} == {"HTTP-429"}
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
            set_faults(ground.simulator, latency_ms=0)
        assert sorted({answer.result().status_code for answer in answers}) == [200, 429]
    finally:
        deployment.kill()


SLOW = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHo",
    b"POST /idv/onfido/v1/x/verify HTTP/1.1\r\nContent-Length: 9000\r\n\r\n{",
    b"POST /idv/onfido/v1/x/verify HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 3,  # and does not read
)


def test_clients_that_send_or_read_slowly_do_not_block_others(served: Deployment) -> None:
    """While 200 clients hold their connections, every other request is answered."""
    with ExitStack() as stack:
        slow = [connect(stack, served, buffer=1_024) for _ in range(200)]
        for client, begun in zip(slow, itertools.cycle(SLOW), strict=False):
            client.sendall(begun)
        for _ in range(5):
            for client in slow[1::5] + slow[2::5]:
                client.sendall(b"a")
            assert requests.get(f"{served.urls[0]}/healthz", timeout=60).status_code == 200
            assert requests.get(f"{served.urls[0]}/readyz", timeout=60).status_code == 200
            assert requests.get(f"{served.urls[0]}/api/users/v1/me/idv/claims", timeout=60).status_code == 401
            assert requests.post(f"{served.urls[0]}/idv/onfido/v1/x/verify", b"{}", timeout=60).status_code == 404
        assert not any(has_ended(client) for client in slow), "answered because of the deadlines, not in spite of them"
    loud = [line["event"] for line in logged(served) if line["level"] not in ("debug", "info")]
    assert set(loud) <= {"serve.development", "serve.setup_missing"}  # of the start


def has_ended(client: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    events = poll()
    events.register(client, POLLRDHUP)
    return bool(events.poll(0))


@pytest.mark.parametrize("body", [b"zz\r\n", b"-2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX"])
def test_a_body_that_is_not_http_is_refused_like_any_other(served: Deployment, body: bytes) -> None:
    head = b"POST /idv/onfido/v1/x/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ExitStack() as stack:
        connection = connect(stack, served)
        connection.sendall(head + body)
        answer = stack.enter_context(HTTPResponse(connection))
        answer.begin()
        told = json.loads(answer.read())
    assert (answer.status, told["code"]) == (400, "HTTP-400")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: x\n\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    ],
)
def test_an_ambiguous_request_is_refused_with_everything_after_it(served: Deployment, head: bytes) -> None:
    with ExitStack() as stack:
        connection = connect(stack, served)
        connection.sendall(head + b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    assert (head.split()[1], json.loads(body)["code"]) == (b"400", "HTTP-400")


def test_a_stopping_server_answers_requests_that_have_begun_to_arrive(tmp_path: Path) -> None:
    deployment = Deployment({"CONNECTOR_DATA_DIR": str(tmp_path / "data")}, tmp_path, webs=1, workers=0)
    try:
        deployment.start_processes()
        with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
            begun = connect(stack, deployment)
            begun.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            assert requests.get(f"{deployment.urls[0]}/healthz", timeout=60).ok  # the beginning is there before this
            status = pool.submit(deployment.webs[0].stop)
            wait_until(lambda: not is_listening(deployment))
            begun.sendall(b"\r\n")
            said = b"".join(iter(lambda: begun.recv(65_536), b""))
            assert status.result() == 0
    finally:
        deployment.kill()
    assert said.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in said


def is_listening(deployment: Deployment) -> bool:
    try:
        with ExitStack() as stack:
            connect(stack, deployment)
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("path", [b"//metrics", b"//healthz", b"/%2fhealthz", b"/t/acme//healthz"])
def test_a_path_with_additional_slashes_is_another_path(served: Deployment, path: bytes) -> None:
    with ExitStack() as stack:
        connection = connect(stack, served)
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert said.startswith(b"HTTP/1.1 404")


def test_a_refused_header_does_not_reveal_the_path(served: Deployment) -> None:
    answer = requests.get(f"{served.urls[0]}/x/metrics", headers={"SCRIPT_NAME": "/x"}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (404, "HTTP-404")
