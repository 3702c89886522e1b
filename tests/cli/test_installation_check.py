"""`connector check-settings` of a whole installation: processes, the public URL, and each provider at Onfido."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.simulator.server import Simulator
from tests.bodies import WORKFLOW_ID
from tests.cli.conftest import Run, Running
from tests.harness import HTTP


def check(run: Run, *options: str, **variables: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit status, and each check by its tenant, part and name."""
    result = run("check-settings", "--json", *options, CONNECTOR_ALLOW_HTTP_LOOPBACK="true", **variables)
    checks = json.loads(result.stdout)["checks"]
    return result.exit_code, {f"{each['tenant'] or ''} {each['part']} {each['check']}".strip(): each for each in checks}


def add_provider(run: Run, simulator: Simulator, *options: str) -> None:
    add = ("provider", "add", "--name", "Onfido", "--api-token", "api_sandbox.token", "--base-url", simulator.api_url)
    more = ("--workflow-id", WORKFLOW_ID, "--offline", "--claims", "wso2")
    result = run(*add, *more, *options, CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
    assert result.exit_code == 0, result.output


@pytest.mark.timeout(300)
def test_the_checks_recognise_a_running_installation(
    run: Run, data_dir: Path, start: Callable[..., Running], simulator: Simulator
) -> None:
    variables = {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true"}
    server = start("serve", "--dev", ready="/readyz", **variables)
    add_provider(run, simulator)
    status, checks = check(run, CONNECTOR_PUBLIC_URL=server.url)
    assert (status, checks["public URL reach"]["passed"], checks["public URL buffering"]["warning"]) == (1, True, True)
    assert checks["connector processes"]["passed"]
    assert checks["connector settings"]["warning"], "http to loopback"
    provider = {name.split()[-1]: each["passed"] for name, each in checks.items() if " provider Onfido " in name}
    assert provider["token"] is True
    assert provider["budget"] is True
    assert provider["webhook"] is False
    assert "add-webhook" in checks["carbon.super provider Onfido webhook"]["detail"]

    run("provider", "add-webhook", "Onfido", CONNECTOR_PUBLIC_URL=server.url, CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
    status, checks = check(run, CONNECTOR_PUBLIC_URL=server.url)
    assert (status, checks["carbon.super provider Onfido delivery"]["passed"]) == (0, True)
    assert server.stop() == 0

    status, checks = check(run, CONNECTOR_PUBLIC_URL=server.url)
    assert (checks["public URL reach"]["passed"], checks["connector processes"]["passed"]) == (None, None)


def test_a_token_refused_by_onfido_fails_with_advice(run: Run, simulator: Simulator) -> None:
    add_provider(run, simulator)
    HTTP.patch(f"{simulator.url}/simulator/faults", json={"unauthorized": -1}, timeout=60)
    status, checks = check(run)
    token = checks["carbon.super provider Onfido token"]
    assert (status, token["passed"]) == (1, False)
    assert "Set an API token" in token["detail"]


def test_an_account_throttled_by_onfido_is_a_warning(run: Run, simulator: Simulator) -> None:
    add_provider(run, simulator)
    HTTP.patch(f"{simulator.url}/simulator/faults", json={"throttled": 1, "retry_after": 600}, timeout=60)
    run("provider", "test", "Onfido", CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
    budget = check(run)[1].get("carbon.super provider Onfido budget")
    assert budget
    assert (budget["passed"], budget["warning"]) == (True, True)
    assert "onfido_rate_limit" in budget["detail"]


def test_disabled_providers_and_those_of_other_tenants_are_not_checked(run: Run, simulator: Simulator) -> None:
    add_provider(run, simulator)
    run("provider", "update", "Onfido", "--disable", CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
    add_provider(run, simulator, "--tenant", "acme")
    _, checks = check(run)
    assert checks["carbon.super provider Onfido configuration"]["passed"] is None
    assert not any(name.startswith("acme") for name in checks)
    assert any(name.startswith("acme provider") for name in check(run, "--tenant", "acme")[1])


def test_before_the_first_start_nothing_is_created(run: Run, tmp_path: Path) -> None:
    for where in (tmp_path / "empty", tmp_path / "missing"):
        if where.name == "empty":
            where.mkdir(mode=0o700)
        status, checks = check(run, CONNECTOR_DATA_DIR=str(where), CONNECTOR_DATABASE_URL="")
        assert (status, checks["connector database"]["passed"]) == (0, None)
        assert "connector processes" in checks
        assert not where.exists() or list(where.iterdir()) == []


def test_every_printed_line_begins_with_a_result_and_a_failure_has_advice(run: Run, data_dir: Path) -> None:
    (data_dir / "connector.db").chmod(0o600)
    data_dir.chmod(0o750)
    result = run("check-settings", CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "-", "failed"}
    assert any(line.startswith("warning") and "chmod g-rwx" in line for line in lines)
    assert result.exit_code == 0
