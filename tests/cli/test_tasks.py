"""Looking at a run's tasks, and completing them, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import Result

from connector.bootstrap import create_services
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.bodies import API_TOKEN, WORKFLOW_ID
from tests.cli.conftest import Run
from tests.values import GIVEN_NAME, LAST_NAME

TASKS = [{"task_def_id": "risk_score", "task_def_version": "3", "output_schema": {"score": "number"}}]


@dataclass(frozen=True)
class Waiting:
    """A run whose task waits for the application."""

    run_id: str
    task_id: str
    command: Callable[..., Result]

    def listed(self) -> list[dict[str, Any]]:
        result = self.command("list", self.run_id, "--json")
        assert result.exit_code == 0, result.stderr
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows


@pytest.fixture
def waiting(run: Run, data_dir: Path, simulator: Simulator) -> Waiting:
    def command(*arguments: str, **options: Any) -> Result:
        return run("verification", "task", *arguments, CONNECTOR_ALLOW_HTTP_LOOPBACK="true", **options)

    control = f"{simulator.url}/simulator"
    assert requests.put(f"{control}/workflows/{WORKFLOW_ID}", json={"tasks": TASKS}, timeout=60).ok
    run_id = start(run, data_dir, simulator)
    assert requests.post(f"{control}/runs/{run_id}/outcome", json={}, timeout=60).ok
    task_id = Waiting(run_id, "", command).listed()[-1]["id"]
    return Waiting(run_id, task_id, command)


def start(run: Run, data_dir: Path, simulator: Simulator) -> str:
    claims = ("--claim", f"{GIVEN_NAME}=first_name", "--claim", f"{LAST_NAME}=last_name")
    options = ("--workflow-id", WORKFLOW_ID, "--base-url", simulator.api_url, *claims, "--json")
    variables = {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true", "ONFIDO_API_TOKEN": API_TOKEN}
    added = run("provider", "add", *options, **variables)
    assert added.exit_code == 0, added.stderr
    services = create_services(Settings(data_dir=data_dir, allow_http_loopback=True))
    try:
        uris = (GIVEN_NAME, LAST_NAME)
        services.users.add(Tenant("carbon.super"), "ann", dict.fromkeys(uris, "Ann"))
        capture = services.verifications.initiate(Tenant("carbon.super"), "ann", json.loads(added.stdout)["id"], uris)
    finally:
        services.close()
    assert capture.verification.run_id
    return capture.verification.run_id


def test_tasks_of_a_run_are_listed(waiting: Waiting) -> None:
    table = waiting.command("list", waiting.run_id)

    heading, *rows = table.stdout.splitlines()
    assert heading.split() == ["STARTED", "TASK", "DEFINITION", "VERSION"]
    assert rows[-1].split()[1:] == [waiting.task_id, "risk_score", "3"]
    assert [row["taskDefId"] for row in waiting.listed()] == ["document_photo", "document_check", "risk_score"]


def test_a_task_is_completed_with_a_file_and_the_history_names_the_actor(
    waiting: Waiting, run: Run, tmp_path: Path
) -> None:
    data = tmp_path / "data.json"
    data.write_text('{"score": 918273645}')

    result = waiting.command("complete", waiting.run_id, waiting.task_id, "--data", str(data))

    assert (result.exit_code, result.stdout) == (0, f"Completed {waiting.task_id}.\n")
    shown = json.loads(run("verification", "show", waiting.run_id, "--json").stdout)
    [entry] = [each for each in shown["history"] if each["to"] == "task_completed"]
    assert entry["actor"].startswith("cli:")
    assert "918273645" not in str(shown)


def test_a_task_is_completed_once_with_standard_input(waiting: Waiting) -> None:
    first, again = (
        waiting.command("complete", waiting.run_id, waiting.task_id, input='{"score": 7}') for _ in range(2)
    )

    assert (first.exit_code, again.exit_code) == (0, 1)
    assert again.stderr.startswith(f"Error: The task {waiting.task_id} cannot be completed")


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        ("{", 2, "must be JSON"),
        ("[" * 100_000, 2, "must be JSON"),
        ('"text"', 1, "data: must be an object or an array"),
        ('{"score": "high"}', 1, "Onfido refused data.score"),
    ],
)
def test_data_that_cannot_complete_a_task_are_refused(waiting: Waiting, data: str, status: int, why: str) -> None:
    result = waiting.command("complete", waiting.run_id, waiting.task_id, input=data)

    assert (result.exit_code, why in result.stderr) == (status, True), result.stderr
    assert "high" not in result.stderr


def test_a_missing_object_is_reported_in_one_line(waiting: Waiting) -> None:
    for arguments in (
        ("list", "unknown"),
        ("list", waiting.run_id, "--tenant", "acme"),
        ("complete", waiting.run_id, waiting.task_id, "--tenant", "acme"),
        ("complete", waiting.run_id, "risk_score_1"),
    ):
        result = waiting.command(*arguments, input="{}")
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
