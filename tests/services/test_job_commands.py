"""`connector jobs`: request, wait, show, download, cancel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.services.jobs.steps import AdvanceJob
from tests.contract.wire import answer_on
from tests.harness import World
from tests.services.conftest import Run
from tests.services.jobbing import VALUES_SCOPE


def asked(run: Run, *words: str) -> Any:
    """Start a job, wait for its end, and return its output for scripts."""
    result = run("jobs", *words, "--wait", "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_command_waits_for_a_csv_and_downloads_it(world: World, run: Run, tmp_path: Path) -> None:
    world.start(world.add_user("ann"))
    world.start(world.add_user("bea"))
    job = asked(run, "csv", "--provider", "Onfido", "--user", "ann")
    assert (job["state"], job["done"], job["owner"][:4]) == ("done", 1, "cli:")

    file = tmp_path / "verifications.csv"
    assert run("jobs", "result", job["id"], "--output", str(file)).exit_code == 0
    assert ",ann," in file.read_text()
    assert run("jobs", "result", job["id"], "--output", str(file)).exit_code == 1
    assert ",ann," in run("jobs", "result", job["id"]).stdout
    [listed] = json.loads(run("jobs", "list", "--json").stdout)["jobs"]
    assert listed == json.loads(run("jobs", "show", job["id"], "--json").stdout) == job
    assert job["id"] in run("jobs", "list").stdout
    assert "verifications_csv" in run("jobs", "show", job["id"]).stdout


def test_a_record_is_downloaded_in_both_formats(world: World, run: Run) -> None:
    world.add_user("ann")
    job = asked(run, "record", "ann")
    assert json.loads(run("jobs", "result", job["id"]).stdout)["record"]["userId"] == "ann"
    assert run("jobs", "result", job["id"], "--format", "html").stdout.startswith("<!doctype html>")
    reader = world.connector.caller("admin", ["internal_idv_claim_view", VALUES_SCOPE])
    entries = answer_on(reader.get("/api/server/v1/audit", params={"subject": "job"}), 200)["entries"]
    assert [each["to"] for each in entries] == ["downloaded", "downloaded", "requested"]


def test_a_failed_job_ends_the_command_with_its_error(world: World, run: Run) -> None:
    result = run("jobs", "record", "nobody", "--wait")
    assert result.exit_code == 1
    assert "There is no user nobody" in result.stderr


def test_the_command_line_requests_recovery(world: World, run: Run) -> None:
    assert asked(run, "resend", "--since", "2026-01-31")["summary"] == {"queued": 0}
    assert asked(run, "resend", "--since", "2026-01-31T01:00:00Z", "--everything")["state"] == "done"
    assert asked(run, "fetch-runs", "Onfido", "--since", "2026-01-31")["summary"] == {
        "listed": 0,
        "ours": 0,
        "queued": 0,
    }
    endpoint = run("jobs", "resend", "--since", "2026-01-31", "--endpoint", "nowhere")
    assert (endpoint.exit_code, "no endpoint nowhere" in endpoint.stderr) == (1, True)


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", ""])
@pytest.mark.one_database
def test_an_unreadable_time_is_wrong_usage(world: World, run: Run, since: str) -> None:
    result = run("jobs", "resend", "--since", since)
    assert (result.exit_code, "ISO 8601" in result.stderr) == (2, True)


def test_an_idempotency_key_belongs_to_one_job(world: World, run: Run) -> None:
    first = asked(run, "csv", "--key", "nightly")
    assert asked(run, "csv", "--key", "nightly")["id"] == first["id"]
    assert asked(run, "csv")["id"] != first["id"]


def test_waiting_for_a_cancelled_job_ends(world: World, run: Run) -> None:
    world.connector.rest()
    job = json.loads(run("jobs", "csv", "--json").stdout)
    assert job["state"] == "queued"
    assert json.loads(run("jobs", "cancel", job["id"], "--json").stdout)["state"] == "cancelled"
    assert run("jobs", "cancel", job["id"]).exit_code == 1
    world.connector.services.job_steps.advance(AdvanceJob(world.tenant, job["id"], 0))
    assert run("jobs", "result", job["id"]).exit_code == 1


def test_another_tenant_sees_no_job(world: World, run: Run) -> None:
    job = asked(run, "csv")
    assert run("jobs", "show", job["id"], "--tenant", "elsewhere.example").exit_code == 1
    assert run("jobs", "list", "--tenant", "elsewhere.example").stdout == "There is no job.\n"
