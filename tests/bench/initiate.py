"""What the connector adds to Onfido's own time when a verification is initiated: client, connector, Onfido apart."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import requests

from connector.access.development import mint_token
from connector.bootstrap import create_services
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.settings import load
from tests.bodies import API_TOKEN, WORKFLOW_ID, provider_body
from tests.harness import ADMIN_SCOPES
from tests.values import VALUES

LATENCY = 100  # milliseconds that Onfido takes for a call
WARM_UP = 5


@dataclass(frozen=True)
class Initiation:
    """Medians in milliseconds: the whole request, Onfido's two calls by themselves, and the difference."""

    database: str
    total: float
    onfido: float
    own: float
    calls: int


def measure(directory: Path, kind: str, database_url: str, rounds: int) -> Initiation:
    """Initiate for so many users, and make the same two calls without the connector, in turns."""
    directory.mkdir(mode=0o700)
    simulator_port, port = _free_port(), _free_port()
    url, simulator_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{simulator_port}"
    variables = {
        "CONNECTOR_DATA_DIR": str(directory),
        "CONNECTOR_DATABASE_URL": database_url,
        "CONNECTOR_PUBLIC_URL": url,
        "CONNECTOR_LOG_LEVEL": "WARNING",
        "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true",
        "CONNECTOR_ONFIDO_RATE_LIMIT": "1000000",
    }
    with (
        _process(["simulate", "--port", str(simulator_port)], {}, f"{simulator_url}/"),
        _process(["migrate"], variables, None),
        _process(["serve", "--dev", "--port", str(port)], variables, f"{url}/readyz"),
    ):
        requests.patch(f"{simulator_url}/simulator/faults", json={"latency_ms": LATENCY}, timeout=10).raise_for_status()
        services = create_services(load(None, variables, dev=True))
        api_url = f"{simulator_url}/v3.6"
        provider_id = _add_provider(url, directory, api_url)
        application = HTTPConnection("127.0.0.1", port)  # kept, as an application does; its own time is next to none
        transport = OnfidoTransport(rate_limit=1_000_000)
        onfido = transport.client(api_url, API_TOKEN)
        totals, bare, calls = [], [], 0
        for number in range(WARM_UP + rounds):
            services.users.add(Tenant(DEFAULT_TENANT), f"user-{number}", VALUES)
            token = mint_token(directory, f"user-{number}", ["internal_login"])
            before = _calls(simulator_url)
            totals.append(_timed(partial(_initiate, application, token, provider_id)))
            calls = _calls(simulator_url) - before
            bare.append(_timed(partial(_two_calls, onfido)))
        transport.close()
        application.close()
        services.close()
    total, alone = median(totals[WARM_UP:]), median(bare[WARM_UP:])
    return Initiation(kind, total, alone, total - alone, calls)


def _add_provider(url: str, directory: Path, api_url: str) -> str:
    headers = {"Authorization": f"Bearer {mint_token(directory, 'admin', ADMIN_SCOPES)}"}
    onfido: Any = SimpleNamespace(api_url=api_url)
    answer = requests.post(
        f"{url}/api/server/v1/idv-providers", json=provider_body(onfido), headers=headers, timeout=30
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def _initiate(application: HTTPConnection, token: str, provider_id: str) -> None:
    body = {
        "idVProviderId": provider_id,
        "claims": list(VALUES),
        "properties": [{"key": "status", "value": "INITIATED"}],
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    application.request("POST", "/api/users/v1/me/idv/verify", json.dumps(body), headers)
    answer = application.getresponse()
    content = answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(content.decode())


def _two_calls(onfido: OnfidoClient) -> None:
    applicant = onfido.create_applicant({"first_name": "Ann", "last_name": "Example", "dob": "1990-01-01"})
    onfido.create_run(workflow_id=WORKFLOW_ID, applicant_id=applicant.applicant_id)


def _calls(simulator_url: str) -> int:
    state = requests.get(f"{simulator_url}/simulator/state", timeout=10).json()
    return sum(state["requests"].values())


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


@contextmanager
def _process(arguments: list[str], variables: Mapping[str, str], ready_url: str | None) -> Iterator[None]:
    """Run a command of the connector's until the end; one without a URL has to end by itself first."""
    command = [sys.executable, "-m", "connector", *arguments]
    process = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL)
    try:
        if ready_url is None:
            process.wait(timeout=60)
        else:
            _wait(ready_url)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
