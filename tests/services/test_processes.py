"""Processes as an operator runs them: told to stop (SIGTERM) they end what they are at; they share what is one's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import RowMapping, select

from connector.api.development import mint_token
from connector.app import Services, create_services
from connector.domain.provider import Provider, ProviderConfig
from connector.domain.tenants import DEFAULT_TENANT
from connector.services.outbox import CHECK_VERIFICATION
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
    payload = {"verification_id": only(services.database, verifications)["id"]}
    with services.database.write() as connection:
        outbox.add(connection, CHECK_VERIFICATION, payload)
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
    assert (CHECK_VERIFICATION, "done") in [(row["kind"], row["state"]) for row in found]
    assert {row["owner"] for row in found} == {None}
    assert only(services.database, verifications)["status"] == "approved"
