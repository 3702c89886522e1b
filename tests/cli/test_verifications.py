"""`connector verification`: viewing runs, deciding on reviews, and downloading files."""

from __future__ import annotations

import csv
import io
import json
import stat
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import requests
from click.testing import Result

from connector.settings import Settings
from tests.cli.conftest import Run, commands
from tests.harness import Caller, World, verified
from tests.values import GIVEN_NAME, LAST_NAME, MAPPING

MIXED = {"first_name": "clear", "last_name": "consider", "date_of_birth": None}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
pytestmark = pytest.mark.one_database  # the command line adds nothing that depends on it


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run `connector verification` with these arguments on the connector's database."""
    return partial(
        commands(settings.data_dir),
        "verification",
        CONNECTOR_DATABASE_URL=settings.database_url,
        CONNECTOR_ALLOW_HTTP_LOOPBACK="true",
        CONNECTOR_ONFIDO_READ_RETRIES="0",
    )


@pytest.fixture
def ann(world: World) -> Caller:
    world.faults(webhooks_lost=-1)
    return world.add_user()


def start(world: World, caller: Caller, **properties: str) -> str:
    """Start a run with these options, such as tags; return its id."""
    body = {
        "idVProviderId": world.provider_id,
        "claims": list(MAPPING),
        "properties": [{"key": key, "value": value} for key, value in ({"status": "INITIATED"} | properties).items()],
    }
    answer = caller.post("/api/users/v1/me/idv/verify", body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])


def said(result: Result) -> str:
    """Return the line with a command's reason for refusing."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    [line] = result.stderr.splitlines()
    return line


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


class TestList:
    def test_every_option_filters_the_list(self, world: World, ann: Caller, run: Run) -> None:
        began, ben = datetime.now(UTC), world.add_user("ben")
        first, second = start(world, ann, tags="vip"), start(world, ben)
        world.outcome(second, status="review")
        ben.verify(world.provider_id, "COMPLETED")
        now, day = datetime.now(UTC), timedelta(days=1)  # it may be the next day by now
        for options, expected in (
            ((), [second, first]),
            (("--sort", "asc"), [first, second]),
            (("--sort", "asc", "--limit", "1"), [first]),
            (("--status", "review,declined"), [second]),
            (("--status", "awaiting_input"), [first]),
            (("--user", "ann"), [first]),
            (("--tag", "vip"), [first]),
            (("--from", f"{began - day:%Y-%m-%d}", "--to", f"{now:%Y-%m-%d}"), [second, first]),
            (("--from", (now + timedelta(hours=1)).isoformat()), []),
            (("--to", f"{began - day:%Y-%m-%d}"), []),
        ):
            assert [each["runId"] for each in shown(run("list", *options, "--json"))["verifications"]] == expected, (
                options
            )

    def test_omitted_rows_are_reported_after_the_table(self, world: World, ann: Caller, run: Run) -> None:
        for caller in (ann, world.add_user("ben"), world.add_user("cleo")):
            start(world, caller)
        result = run("list", "--limit", "1")
        assert len(result.stdout.splitlines()) == 2
        first = shown(run("list", "--limit", "1", "--json"))
        assert f"--cursor {first['nextCursor']}" in result.stderr
        rest = shown(run("list", "--cursor", first["nextCursor"], "--json"))
        assert first["verifications"] + rest["verifications"] == shown(run("list", "--json"))["verifications"]
        assert run("list").stderr == ""

    def test_an_empty_list_is_reported(self, world: World, run: Run) -> None:
        assert run("list", "--status", "review").stdout == "No verification was started.\n"

    @pytest.mark.parametrize("command", ["list", "export"])
    @pytest.mark.parametrize(
        ("options", "named"),
        [
            (("--status", "ended"), "awaiting_client_input"),
            (("--from", "yesterday"), "from"),
            (("--to", "2026-02-30"), "to"),
        ],
    )
    def test_an_invalid_option_is_refused_by_name(
        self, world: World, run: Run, command: str, options: tuple[str, str], named: str
    ) -> None:
        assert named in said(run(command, *options))


class TestShow:
    def test_a_run_is_shown_with_its_tags_tasks_and_reasons(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann, tags="vip,spring")
        world.outcome(run_id, status="declined", comparisons=MIXED, reasons=["name_differs"])
        ann.verify(world.provider_id, "COMPLETED")

        whole, text = shown(run("show", run_id, "--json")), run("show", run_id).stdout

        assert (whole["runId"], whole["tags"], whole["reasons"]) == (run_id, ["spring", "vip"], ["name_differs"])
        assert "document_photo" in [each["taskDefId"] for each in whole["tasks"]]
        assert whole["output"]["data_comparison"]
        assert whole["tasksUnavailable"] is None
        for word in ("vip", "name_differs", whole["dashboardUrl"], "document_photo", "declined", LAST_NAME):
            assert word in text
        for word in ("The run was declined.", "The document shows another value."):
            assert word in text
        assert "breakdown" not in text, "the output is personal, and long"

    def test_json_output_is_the_apis_answer(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann, tags="vip,spring")
        world.outcome(run_id, status="declined", comparisons=MIXED, reasons=["name_differs"])
        ann.verify(world.provider_id, "COMPLETED")
        path = f"/api/server/v1/idv-providers/{world.provider_id}/verifications"
        admin = world.connector.as_admin()

        assert shown(run("show", run_id, "--json")) == admin.get(f"{path}/{run_id}").json()
        assert shown(run("list", "--json")) == admin.get(path).json()

    def test_the_output_is_printed_on_request(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann)
        world.outcome(run_id, status="approved", output={"level": "high"})
        ann.verify(world.provider_id, "COMPLETED")
        assert run("show", run_id, "--output").stdout.endswith('{\n  "level": "high"\n}\n')

    def test_a_run_is_shown_without_tasks_if_onfido_does_not_return_them(
        self, world: World, ann: Caller, run: Run
    ) -> None:
        run_id = start(world, ann)
        world.faults(route="GET /workflow_runs/{run_id}/tasks", failed=-1)
        assert "No tasks: Onfido failed" in run("show", run_id).stdout
        whole = shown(run("show", run_id, "--json"))
        assert (whole["tasks"], whole["runId"]) == (None, run_id)
        assert whole["tasksUnavailable"]

    def test_an_unknown_run_and_one_of_another_tenant_are_not_found(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann)
        for command in (("show",), ("refresh",), ("decide", "--approve", "--reason", "why")):
            assert UNKNOWN in said(run(*command, UNKNOWN))
            assert run_id in said(run(*command, run_id, "--tenant", "another"))
        for name in ("timeline", "evidence"):
            assert UNKNOWN in said(run(name, UNKNOWN, "-o", "-"))


class TestRefresh:
    def test_a_lost_result_is_fetched_and_shown(self, world: World, ann: Caller, run: Run) -> None:
        world.outcome(run_id := start(world, ann), comparisons=MIXED, status="approved")
        refreshed = shown(run("refresh", run_id, "--json"))
        assert (refreshed["status"], refreshed["history"][-1]["cause"]) == ("approved", "refreshed")
        assert verified(ann.claims()) == {GIVEN_NAME}

    def test_an_outage_of_onfido_is_reported(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann)
        world.faults(route="GET /workflow_runs/{run_id}", failed=-1)
        assert "Onfido" in said(run("refresh", run_id))


class TestDecide:
    def test_a_review_is_decided_once_and_shown(self, world: World, ann: Caller, run: Run) -> None:
        world.outcome(run_id := start(world, ann), status="review", comparisons=MIXED)
        run("refresh", run_id)

        whole = shown(run("decide", run_id, "--approve", "--reason", "seen it", "--json"))

        assert (whole["status"], whole["decision"]) == ("review", "approved")
        assert verified(ann.claims()) == {GIVEN_NAME}
        [moved] = [each for each in whole["history"] if each["detail"] == {"reason": "seen it"}]
        assert moved["actor"].startswith("cli:")
        assert "already" in said(run("decide", run_id, "--decline", "--reason", "no"))

    def test_declining_verifies_no_claim(self, world: World, ann: Caller, run: Run) -> None:
        world.outcome(run_id := start(world, ann), status="review")
        run("refresh", run_id)
        assert "declined" in run("decide", run_id, "--decline", "--reason", "no").stdout
        assert verified(ann.claims()) == set()

    def test_a_decision_requires_an_outcome_and_a_reason(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann)
        assert run("decide", run_id, "--reason", "why").exit_code == 2
        assert run("decide", run_id, "--approve").exit_code == 2
        assert "reason" in said(run("decide", run_id, "--approve", "--reason", " "))
        assert "awaiting_input" in said(run("decide", run_id, "--approve", "--reason", "why"))

    def test_a_review_that_a_later_run_has_replaced_is_not_said_to_wait(
        self, world: World, ann: Caller, run: Run
    ) -> None:
        world.outcome(run_id := start(world, ann), status="review")
        assert run("refresh", run_id).exit_code == 0
        assert "an administrator can decide on it" in run("show", run_id).stdout
        start(world, ann)
        assert "it can no longer be decided" in run("show", run_id).stdout


class TestExport:
    def test_an_export_has_the_same_lines_in_a_file_and_on_standard_output(
        self, world: World, ann: Caller, run: Run, tmp_path: Path
    ) -> None:
        first, second = start(world, ann), start(world, world.add_user("=1+1"))
        path = tmp_path / "runs.csv"

        printed = run("export").stdout_bytes
        assert run("export", "--output", str(path)).output == ""

        assert path.read_bytes() == printed == run("export", "-o", "-").stdout_bytes
        rows = list(csv.DictReader(io.StringIO(printed.decode("utf-8-sig"), newline="")))
        assert [(row["runId"], row["userId"]) for row in rows] == [(first, "ann"), (second, "'=1+1")]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_the_filtered_verifications_are_exported(self, world: World, ann: Caller, run: Run) -> None:
        run_id = start(world, ann, tags="vip")
        start(world, world.add_user("ben"))
        assert run_id in run("export", "--tag", "vip", "--status", "awaiting_input", "--user", "ann").stdout
        assert len(run("export", "--user", "nobody").stdout.splitlines()) == 1
        assert len(run("export", "--tenant", "another").stdout.splitlines()) == 1

    def test_a_file_that_cannot_be_written_is_reported(self, world: World, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "missing" / "runs.csv"
        assert str(path) in said(run("export", "-o", str(path)))


class TestFiles:
    @pytest.fixture
    def ended(self, world: World, ann: Caller) -> str:
        """A run that has ended at Onfido without an event."""
        run_id = start(world, ann)
        world.outcome(run_id)
        return run_id

    def test_a_timeline_is_downloaded_once_it_is_ready(
        self, world: World, ended: str, run: Run, tmp_path: Path
    ) -> None:
        world.faults(files_pending=1)
        path = tmp_path / "timeline.pdf"
        assert run("timeline", ended, "-o", str(path)).exit_code == 0
        assert path.read_bytes().startswith(b"%PDF-")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_evidence_is_a_document_or_a_folder(self, ended: str, run: Run, tmp_path: Path) -> None:
        document, folder = tmp_path / "evidence.pdf", tmp_path / "evidence.zip"
        assert run("evidence", ended, "-o", str(document)).exit_code == 0
        assert run("evidence", ended, "-o", str(folder), "--folder").exit_code == 0
        assert document.read_bytes().startswith(b"%PDF-")
        assert ZipFile(folder).testzip() is None

    @pytest.mark.parametrize("options", [("evidence",), ("evidence", "--folder"), ("timeline",)], ids=" ".join)
    def test_standard_output_contains_only_the_file(self, ended: str, run: Run, options: tuple[str, ...]) -> None:
        result = run(*options, ended, "-o", "-")
        assert (result.exit_code, result.stderr) == (0, "")
        if "--folder" in options:
            assert result.stdout_bytes.startswith(b"PK")
            assert ZipFile(io.BytesIO(result.stdout_bytes)).testzip() is None
        else:
            assert result.stdout_bytes.startswith(b"%PDF-")
            assert result.stdout_bytes.endswith(b"%%EOF\n")

    def test_a_file_is_replaced_only_by_a_complete_download(
        self, world: World, ended: str, run: Run, tmp_path: Path
    ) -> None:
        path = tmp_path / "evidence.pdf"
        path.write_bytes(b"of yesterday")
        world.faults(route="GET /workflow_runs/{run_id}/signed_evidence_file", failed=1)
        assert "Onfido" in said(run("evidence", ended, "-o", str(path), "--force"))
        assert path.read_bytes() == b"of yesterday"
        assert run("evidence", ended, "-o", str(path), "--force").exit_code == 0
        assert path.read_bytes().startswith(b"%PDF-")
        assert [each.name for each in tmp_path.iterdir() if "evidence" in each.name] == ["evidence.pdf"]

    @pytest.mark.parametrize("command", ["export", "timeline {}", "evidence {}", "evidence {} --folder"])
    def test_no_file_is_replaced_without_confirmation(self, ended: str, run: Run, tmp_path: Path, command: str) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"of yesterday")
        arguments = command.format(ended).split()
        assert "--force" in said(run(*arguments, "-o", str(path)))
        assert path.read_bytes() == b"of yesterday"
        assert run(*arguments, "-o", str(path), "--force").exit_code == 0
        assert path.read_bytes() != b"of yesterday"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_directory_is_not_accepted_as_the_file(self, ended: str, run: Run, tmp_path: Path) -> None:
        assert str(tmp_path) in said(run("evidence", ended, "-o", str(tmp_path)))

    def test_a_device_file_is_not_replaced(self, ended: str, run: Run) -> None:
        assert run("evidence", ended, "-o", "/dev/null").exit_code == 0
        assert Path("/dev/null").is_char_device()

    def test_an_open_run_has_no_files(self, world: World, ann: Caller, run: Run, tmp_path: Path) -> None:
        run_id, path = start(world, ann), tmp_path / "file"
        for command in ("timeline", "evidence"):
            assert "awaiting_input" in said(run(command, run_id, "-o", str(path)))
        assert not path.exists()

    def test_a_file_missing_at_onfido_is_reported(self, world: World, ended: str, run: Run, tmp_path: Path) -> None:
        run("refresh", ended)
        assert requests.post(f"{world.simulator.url}/simulator/reset", timeout=60).ok
        assert "not_found" in said(run("evidence", ended, "-o", str(tmp_path / "file")))
