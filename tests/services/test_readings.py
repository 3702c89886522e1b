"""Readings of exports, files and evidence are in the history, with actor and time, before any data is returned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.cli.output import actor
from tests.harness import ADMIN, Caller, World
from tests.services.conftest import Run
from tests.services.receiving import SCORE, SCORING, use_studio, use_workflow

AUDIT = "/api/server/v1/audit"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


@pytest.fixture
def ended(world: World, admin: Caller) -> str:
    """A run of the user ann that has ended."""
    run_id = world.start(world.add_user())
    world.outcome(run_id)
    assert admin.post(f"{runs(world)}/{run_id}/refresh", {}).status_code == 200
    return run_id


def runs(world: World) -> str:
    return f"/api/server/v1/idv-providers/{world.provider_id}/verifications"


def trail(admin: Caller, **query: str) -> list[dict[str, Any]]:
    answer = admin.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found[::-1]


def test_an_export_is_recorded_with_its_filters(world: World, admin: Caller, ended: str) -> None:
    assert ended in admin.get(f"{runs(world)}.csv").text
    query = {"status": "approved,review", "userId": "ann", "tag": "vip", "from": "2026-01-01", "to": "2026-01-31"}
    assert admin.get(f"{runs(world)}.csv", params=query).status_code == 200

    whole, limited = trail(admin, subject="export")
    for entry in (whole, limited):
        assert (entry["to"], entry["name"], entry["cause"]) == ("exported", "verifications.csv", "administrator")
        assert (entry["actor"], entry["providerId"]) == (ADMIN, world.provider_id)
    assert (whole["detail"], whole["userId"]) == ({}, None)
    assert limited["userId"] == "ann"
    assert limited["detail"] == {
        "status": "approved,review",
        "userId": "ann",
        "tag": "vip",
        "from": "2026-01-01T00:00:00Z",
        "before": "2026-02-01T00:00:00Z",
    }


def test_downloads_of_files_and_evidence_are_recorded_with_their_user(world: World, admin: Caller, ended: str) -> None:
    file_id = admin.post(f"{runs(world)}/{ended}/timeline-file", {}).json()["fileId"]
    for path in (f"timeline-file/{file_id}", "signed-evidence", "evidence-folder"):
        assert admin.get(f"{runs(world)}/{ended}/{path}").status_code == 200

    found = trail(admin, subject="file")
    assert [entry["name"] for entry in found] == [
        f"timeline-{ended}.pdf",
        f"evidence-{ended}.pdf",
        f"evidence-{ended}.zip",
    ]
    assert {(entry["to"], entry["actor"], entry["userId"]) for entry in found} == {("read", ADMIN, "ann")}
    assert trail(admin, subject="file", userId="ben") == []
    history = admin.get(f"{runs(world)}/{ended}/history").json()
    assert [entry["name"] for entry in history if entry["subject"] == "file"] == [entry["name"] for entry in found]


def test_a_refused_download_is_not_recorded(world: World, admin: Caller) -> None:
    run_id = world.start(world.add_user("ben"))
    for path in ("signed-evidence", "evidence-folder", "timeline-file/nothing"):
        assert admin.get(f"{runs(world)}/{run_id}/{path}").status_code == 409
    poor = world.connector.caller("poor", ["internal_login"])
    assert poor.get(f"{runs(world)}.csv").status_code == 403
    assert admin.get(f"{runs(world)}.csv", params={"status": "nonsense"}).status_code == 400
    assert trail(admin, subject="file") == trail(admin, subject="export") == []


def test_readings_by_the_command_line_are_recorded(
    world: World, admin: Caller, ended: str, run: Run, tmp_path: Path
) -> None:
    for arguments in (
        ("export", "--user", "ann", "--output", str(tmp_path / "runs.csv")),
        ("timeline", ended, "--output", str(tmp_path / "timeline.pdf")),
        ("evidence", ended, "--output", str(tmp_path / "evidence.pdf")),
        ("evidence", ended, "--folder", "--output", str(tmp_path / "evidence.zip")),
    ):
        result = run("verification", *arguments, CONNECTOR_ALLOW_HTTP_LOOPBACK="true")
        assert result.exit_code == 0, result.output

    found = [*trail(admin, subject="export"), *trail(admin, subject="file")]
    assert [entry["name"] for entry in found] == [
        "verifications.csv",
        f"timeline-{ended}.pdf",
        f"evidence-{ended}.pdf",
        f"evidence-{ended}.zip",
    ]
    assert {entry["actor"] for entry in found} == {actor()}
    shown = run("verification", "show", ended, CONNECTOR_ALLOW_HTTP_LOOPBACK="true").stdout
    assert f"evidence-{ended}.zip" in shown


def test_reading_the_stored_output_of_a_run_is_recorded_without_values(world: World, admin: Caller, run: Run) -> None:
    use_studio(world, documentValues=True)
    run_id = world.start(world.add_user())
    world.faults(output_shape="document_report", webhooks_lost=-1)
    world.outcome(run_id)
    path = f"{runs(world)}/{run_id}"
    assert admin.get(path).json()["output"] is None  # it has none yet
    assert trail(admin, subject="result") == []
    shown = admin.post(f"{path}/refresh", {}).json()
    assert shown["document"] is not None
    assert admin.get(path, headers={"X-Correlation-ID": "looked-at"}).status_code == 200
    allowed = {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true"}
    for options in (("--json",), ("--output",), ()):  # the last one prints no value
        assert run("verification", "show", run_id, *options, **allowed).exit_code == 0

    entries = trail(admin, subject="result", userId="ann")
    assert [(each["channel"], each["actor"]) for each in entries] == [("api", ADMIN)] * 2 + [("cli", actor())] * 2
    assert entries[1]["traceId"] == "looked-at"
    for entry in entries:
        assert (entry["to"], entry["name"], entry["providerId"]) == ("read", run_id, world.provider_id)
        assert entry["detail"] == {"parts": ["output", "document"]}
    assert "Jane" not in json.dumps(entries)
    assert trail(world.connector.as_admin("elsewhere.example"), subject="result") == []


def test_reading_an_output_past_its_retention_is_not_recorded(world: World, admin: Caller, ended: str) -> None:
    world.clock.advance(86_400 * (world.connector.settings.event_retention_days + 1))
    world.sweep()
    before = trail(admin, subject="result")
    assert admin.get(f"{runs(world)}/{ended}").json()["output"] is None
    assert trail(admin, subject="result") == before


def test_reading_the_data_of_a_task_is_recorded_without_values(world: World, admin: Caller) -> None:
    use_workflow(world, SCORING)
    run_id = world.start(world.add_user())
    world.outcome(run_id)
    path = f"{runs(world)}/{run_id}/tasks"
    tasks = {each["taskDefId"]: each["id"] for each in admin.get(path).json()}
    assert trail(admin, subject="task") == []  # the list has no data
    assert admin.get(f"{path}/{tasks[SCORE]}").json()["input"] == SCORING["input"]
    assert admin.get(f"{path}/no-such-task").status_code == 404
    others = world.connector.as_admin("elsewhere.example")
    assert others.get(f"{path}/{tasks[SCORE]}").status_code == 404

    [entry] = trail(admin, subject="task")
    assert (entry["to"], entry["name"], entry["userId"]) == ("read", tasks[SCORE], "ann")
    assert (entry["actor"], entry["channel"]) == (ADMIN, "api")
    assert entry["detail"] == {"task_def_id": SCORE}
    assert trail(others, subject="task") == []


def test_reading_another_users_document_values_is_recorded(world: World, admin: Caller) -> None:
    use_studio(world, documentValues=True)
    ann = world.add_user()
    run_id = world.start(ann)
    world.faults(output_shape="document_report", webhooks_lost=-1)
    world.outcome(run_id)
    assert admin.get("/api/users/v1/ann/idv/claims").status_code == 200
    assert trail(admin, subject="values") == []  # none is kept yet
    assert admin.post(f"{runs(world)}/{run_id}/refresh", {}).status_code == 200
    mine = ann.get("/api/users/v1/me/idv/claims").json()
    assert any("onfido_document" in claim["claimMetadata"] for claim in mine)
    assert trail(admin, subject="values") == []
    for path in ("claims", f"claims/{mine[0]['id']}"):
        assert admin.get(f"/api/users/v1/ann/idv/{path}").status_code == 200

    entries = trail(admin, subject="values")
    assert [(each["to"], each["name"], each["actor"]) for each in entries] == [("read", "ann", ADMIN)] * 2
