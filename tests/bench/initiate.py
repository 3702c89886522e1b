"""The connector's share of the time of INITIATED, without Onfido's; its floor is in `bare.py`."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import requests

from connector.access.development import mint_token
from connector.bootstrap import Services, create_services
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.settings import Settings
from connector.store.engine import Database
from tests.bench.processes import at_distance, connector, gunicorn, new_database, running
from tests.bench.seed import KEY, fill
from tests.bodies import API_TOKEN, WORKFLOW_ID, provider_body
from tests.harness import ADMIN_SCOPES
from tests.ports import free_port
from tests.postgresql_proxy import PostgresqlProxy
from tests.values import VALUES

LATENCY = 50  # milliseconds of each call to Onfido
WARM_UP, COUNTED = 5, 10

Call = Callable[[], object]


def measure(directory: Path, server: str, kind: str, milliseconds: float, number: int) -> dict[str, Any]:
    """Time INITIATED for a number of users, in turns with the same two calls to Onfido and with the floor."""
    times: dict[str, list[float]] = {"total": [], "onfido": [], "floor": []}
    with ExitStack() as stack:
        url = stack.enter_context(at_distance(_migrated(directory, server, kind), milliseconds))
        initiation, two_calls = stack.enter_context(_connector(directory, url))
        floor = stack.enter_context(_floor(directory, server, milliseconds))
        for each in range(WARM_UP + number):
            times["total"].append(_timed(initiation(f"user-{each}")))
            times["onfido"].append(_timed(two_calls))
            times["floor"].append(_timed(floor(f"user-{each}")))
    own = median(total - bare for total, bare in list(zip(times["total"], times["onfido"], strict=True))[WARM_UP:])
    middle = {name: median(values[WARM_UP:]) for name, values in times.items()}
    return {"database": kind, "milliseconds": milliseconds, **middle, "own": own, "own_ratio": own / middle["floor"]}


def round_trips(directory: Path, server: str) -> dict[str, float]:
    """Return the number of round trips to PostgreSQL of the connector and of the floor, counted at the wire."""
    proxy = PostgresqlProxy(_migrated(directory, server, "postgresql"))
    with _connector(directory, proxy.url) as (initiation, _):
        calls = [initiation(f"user-{each}") for each in range(WARM_UP + COUNTED)]
        for call in calls[:WARM_UP]:
            call()
        with proxy.counted() as ours:
            for call in calls[WARM_UP:]:
                call()
    proxy.close()
    return {"connector": ours[0] / COUNTED}


def _migrated(directory: Path, server: str, kind: str) -> str:
    database = Database(url := new_database(directory, server, kind))
    database.migrate()
    database.close()
    return url


@contextmanager
def _connector(directory: Path, url: str) -> Iterator[tuple[Callable[[str], Call], Call]]:
    """Run the connector and a simulated Onfido; return a function that initiates, and one that only calls Onfido."""
    own, simulator_port = directory / uuid.uuid4().hex, free_port()
    own.mkdir(mode=0o700)
    simulator_url = f"http://127.0.0.1:{simulator_port}"
    simulator = [sys.executable, "-m", "connector", "simulate", "--port", str(simulator_port)]
    variables = {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true", "CONNECTOR_ONFIDO_RATE_LIMIT": "1000000"}
    with (
        running(simulator, {}, own / "simulator", f"{simulator_url}/"),
        connector(own, url, **variables) as port,
        _services(own, url) as services,
    ):
        requests.patch(f"{simulator_url}/simulator/faults", json={"latency_ms": LATENCY}, timeout=10).raise_for_status()
        api_url = f"{simulator_url}/v3.6"
        provider_id = _add_provider(f"http://127.0.0.1:{port}", own, api_url)
        application = HTTPConnection("127.0.0.1", port)  # kept open, as an application does: it adds almost no time
        transport = OnfidoTransport(rate_limit=1_000_000)
        onfido = transport.client(api_url, API_TOKEN)

        def initiation(user_id: str) -> Call:
            services.users.add(Tenant(DEFAULT_TENANT), user_id, VALUES)
            token = mint_token(own, user_id, ["internal_login"])
            return partial(_initiate, application, token, provider_id)

        yield initiation, partial(_two_calls, onfido)
        transport.close()
        application.close()


@contextmanager
def _services(directory: Path, url: str) -> Iterator[Services]:
    services = create_services(Settings(data_dir=directory, database_url=url, encryption_keys=(KEY,), dev=True))
    yield services
    services.close()


@contextmanager
def _floor(directory: Path, server: str, milliseconds: float) -> Iterator[Callable[[str], Call]]:
    """Run the bare view; return a function that makes its round trips for a user."""
    database = Database(url := new_database(directory, server, "postgresql"))
    fill(database, [])
    database.close()
    environ = {"BENCH_DIR": str(directory / "floor"), "BENCH_LOCK": str(directory / "floor.lock")}
    with (
        at_distance(url, milliseconds) as reached,
        gunicorn(directory, "tests.bench.bare:app", environ | {"BENCH_DATABASE": reached}) as port,
    ):
        client = HTTPConnection("127.0.0.1", port)
        yield lambda user_id: partial(_answer, client, "GET", f"/initiate/{user_id}")
        client.close()


def _add_provider(url: str, directory: Path, api_url: str) -> str:
    headers = {"Authorization": f"Bearer {mint_token(directory, 'admin', ADMIN_SCOPES)}"}
    onfido: Any = SimpleNamespace(api_url=api_url)
    answer = requests.post(
        f"{url}/api/server/v1/idv-providers", json=provider_body(onfido), headers=headers, timeout=30
    )
    answer.raise_for_status()
    return str(answer.json()["id"])


def _initiate(application: HTTPConnection, token: str, provider_id: str) -> None:
    status = [{"key": "status", "value": "INITIATED"}]
    body = {"idVProviderId": provider_id, "claims": list(VALUES), "properties": status}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    _answer(application, "POST", "/api/users/v1/me/idv/verify", json.dumps(body), headers)


def _answer(client: HTTPConnection, *request: Any) -> None:
    client.request(*request)
    answer = client.getresponse()
    content = answer.read()
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(content.decode())


def _two_calls(onfido: OnfidoClient) -> None:
    applicant = onfido.create_applicant({"first_name": "Ann", "last_name": "Example", "dob": "1990-01-01"})
    onfido.create_run(workflow_id=WORKFLOW_ID, applicant_id=applicant.applicant_id)


def _timed(call: Call) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000
