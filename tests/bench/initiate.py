"""What the connector adds to Onfido's own time when a verification is initiated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import requests

from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.settings import Settings
from connector.simulator.faults import Faults
from connector.simulator.server import Simulator
from tests.harness import API_TOKEN, VALUES, WORKFLOW_ID, Caller, Clock, ConnectorServer, provider_body

LATENCY = 100  # milliseconds that Onfido takes for a call


@dataclass(frozen=True)
class Initiation:
    """Medians in milliseconds: the whole request, Onfido's two calls by themselves, and the difference."""

    total: float
    onfido: float
    own: float
    calls: int


def measure(directory: Path, database_url: str, rounds: int) -> Initiation:
    """Initiate for so many users, and make the same two calls without the connector, in turns."""
    settings = Settings(
        data_dir=directory,
        database_url=database_url,
        allow_http_loopback=True,
        onfido_rate_limit=1_000_000,
        dev=True,
    )
    totals, bare = [], []
    with Simulator(faults=Faults(latency_ms=LATENCY)) as simulator, ConnectorServer(settings, Clock()) as connector:
        answer = connector.as_admin().post("/api/server/v1/idv-providers", provider_body(simulator))
        provider_id = answer.json()["id"]
        application = requests.Session()  # it keeps its connection, as an application does
        transport = OnfidoTransport()
        onfido = transport.client(simulator.api_url, API_TOKEN)
        for number in range(rounds):
            connector.services.users.add("carbon.super", f"user-{number}", VALUES)
            caller = connector.as_user(f"user-{number}")
            before = _calls(simulator)
            totals.append(_timed(partial(_initiate, application, caller, provider_id)))
            calls = _calls(simulator) - before
            bare.append(_timed(partial(_two_calls, onfido)))
        transport.close()
        application.close()
    return Initiation(median(totals), median(bare), median(totals) - median(bare), calls)


def _initiate(application: requests.Session, caller: Caller, provider_id: str) -> None:
    body = {
        "idVProviderId": provider_id,
        "claims": list(VALUES),
        "properties": [{"key": "status", "value": "INITIATED"}],
    }
    url = f"{caller.url}/api/users/v1/me/idv/verify"
    application.post(url, json=body, headers=dict(caller.headers), timeout=30).raise_for_status()


def _two_calls(onfido: OnfidoClient) -> None:
    applicant_id = onfido.create_applicant({"first_name": "Ann", "last_name": "Example"})
    onfido.create_run(workflow_id=WORKFLOW_ID, applicant_id=applicant_id)


def _calls(simulator: Simulator) -> int:
    state = requests.get(f"{simulator.url}/simulator/state", timeout=10).json()
    return sum(state["requests"].values())


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000
