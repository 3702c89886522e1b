"""`connector applicant`: sending current values, deletion and restoration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import Result

from connector.bootstrap import create_services
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.values import GIVEN_NAME, LAST_NAME

Run = Callable[..., Result]


@pytest.fixture
def provider_id(run: Run, simulator: Simulator) -> str:
    """A provider, and a user for it."""
    claims = (f"--claim={GIVEN_NAME}=first_name", f"--claim={LAST_NAME}=last_name")
    where = ("--workflow-id", WORKFLOW_ID, "--base-url", simulator.api_url)
    added = on_loopback(run, "provider", "add", *where, *claims, "--json", ONFIDO_API_TOKEN=API_TOKEN)
    on_loopback(run, "user", "add", "ann", "-a", f"{GIVEN_NAME}=Ann", "-a", f"{LAST_NAME}=Example")
    return str(json.loads(added.stdout)["id"])


@pytest.fixture
def applicant_id(provider_id: str, data_dir: Path) -> str:
    """The applicant of a verification that was started."""
    services = create_services(Settings(data_dir=data_dir, allow_http_loopback=True))
    try:
        started = services.verifications.initiate(Tenant(DEFAULT_TENANT), "ann", provider_id, [GIVEN_NAME])
    finally:
        services.close()
    return started.verification.applicant_id or ""


def on_loopback(run: Run, *arguments: str, **variables: str) -> Result:
    result = run(*arguments, CONNECTOR_ALLOW_HTTP_LOOPBACK="true", **variables)
    assert result.exit_code == 0, result.stderr
    return result


def at_onfido(simulator: Simulator, applicant_id: str) -> Any:
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    return requests.get(f"{simulator.api_url}/applicants/{applicant_id}", headers=headers, timeout=60)


def test_current_values_are_sent(run: Run, simulator: Simulator, provider_id: str, applicant_id: str) -> None:
    on_loopback(run, "user", "set", "ann", "-a", f"{GIVEN_NAME}=Anna")

    result = on_loopback(run, "applicant", "update", provider_id, applicant_id)

    assert result.stdout == f"Updated {applicant_id}.\n"
    assert at_onfido(simulator, applicant_id).json()["first_name"] == "Anna"


def test_an_applicant_is_deleted_and_restored(
    run: Run, simulator: Simulator, provider_id: str, applicant_id: str
) -> None:
    on_loopback(run, "applicant", "delete", provider_id, applicant_id, "--yes")
    assert at_onfido(simulator, applicant_id).status_code == 410

    on_loopback(run, "applicant", "restore", provider_id, applicant_id)
    assert at_onfido(simulator, applicant_id).status_code == 200

    [shown] = json.loads(on_loopback(run, "verification", "list", "--json").stdout)["verifications"]
    shown = json.loads(on_loopback(run, "verification", "show", shown["id"], "--json").stdout)
    [started, *by_hand] = [entry for entry in shown["history"] if entry["actor"]]
    assert (started["subject"], started["actor"]) == ("run", "system")
    told = [(entry["subject"], entry["to"]) for entry in by_hand]
    assert told == [("applicant", "deleted"), ("run", "error"), ("applicant", "restored")]
    assert {entry["actor"].partition(":")[0] for entry in by_hand} == {"cli"}


def test_a_deletion_must_be_confirmed(run: Run, simulator: Simulator, provider_id: str, applicant_id: str) -> None:
    result = run("applicant", "delete", provider_id, applicant_id, input="n\n", CONNECTOR_ALLOW_HTTP_LOOPBACK="true")

    assert result.exit_code == 1
    assert at_onfido(simulator, applicant_id).status_code == 200


@pytest.mark.parametrize("command", [("update",), ("delete", "--yes"), ("restore",)])
def test_an_applicant_of_another_tenant_is_reported_in_one_line(
    run: Run, provider_id: str, applicant_id: str, command: tuple[str, ...]
) -> None:
    name, *options = command
    for ids in ((provider_id, "unknown"), ("unknown", applicant_id), (provider_id, applicant_id, "--tenant", "acme")):
        result = run("applicant", name, *ids, *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert len(result.stderr.splitlines()) == 1
