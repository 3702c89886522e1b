"""`connector events`: events are listed, shown, replayed and watched; `--watch` for runs as well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import update

from connector.settings import Settings
from connector.store.models import events
from tests.bodies import event_body
from tests.harness import Caller, World, run_id_of, verified
from tests.processes import running
from tests.services.conftest import Run

CLEAR: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")


@pytest.fixture
def quiet(world: World) -> World:
    """A provider to which Onfido posts nothing by itself."""
    world.faults(webhooks_lost=-1)
    return world


def post(world: World, run_id: str, **changes: Any) -> None:
    assert world.post_event(event_body(run_id, comparisons=CLEAR, **changes)).status_code == 200


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    result = run("events", "list", *options, "--json")
    assert result.exit_code == 0, result.output
    page = json.loads(result.stdout)
    assert page["count"] == len(page["events"])
    found: list[dict[str, Any]] = page["events"]
    return found


def start_and_end(world: World, user_id: str = "ann") -> tuple[Caller, str]:
    caller = world.add_user(user_id)
    run_id = world.start(caller)
    post(world, run_id)
    return caller, run_id


class TestList:
    def test_the_latest_event_is_first_and_every_filter_applies(self, quiet: World, run: Run) -> None:
        _, run_id = start_and_end(quiet)
        quiet.clock.advance(5)
        other = {"payload": {"resource_type": "check", "action": "check.completed", "object": {"id": "a-check"}}}
        assert quiet.post_event(json.dumps(other).encode()).status_code == 200

        latest, first = listed(run)

        assert (latest["kind"], latest["state"], latest["hasBody"]) == ("check.completed", "noted", False)
        assert (first["kind"], first["state"], first["runId"]) == ("workflow_run.completed", "applied", run_id)
        assert first["receivedAt"].endswith("Z")
        for options, expected in (
            (("--state", "applied"), [first]),
            (("--state", "parked"), []),
            (("--run", run_id), [first]),
            (("--provider", "Onfido"), [latest, first]),
            (("--tenant", "another"), []),
        ):
            assert listed(run, *options) == expected, options
        table = run("events", "list").stdout.splitlines()
        assert table[0].split() == ["RECEIVEDAT", "KIND", "STATE", "DELAYSECONDS", "RUNID", "ID"]
        assert run("events", "list", "--state", "parked").stdout == "No event matches.\n"

    def test_pages_follow_each_other(self, quiet: World, run: Run) -> None:
        for name in ("ann", "ben", "cleo"):
            start_and_end(quiet, name)
        first = json.loads(run("events", "list", "--limit", "2", "--json").stdout)
        assert f"--cursor {first['nextCursor']}" in run("events", "list", "--limit", "2").stderr
        second = json.loads(run("events", "list", "--limit", "2", "--cursor", first["nextCursor"], "--json").stdout)
        assert first["events"] + second["events"] == listed(run)
        assert second["nextCursor"] is None


class TestShow:
    def test_a_body_is_shown_on_request_and_the_request_audited(self, quiet: World, run: Run) -> None:
        _, run_id = start_and_end(quiet)
        [event] = listed(run)
        assert json.loads(run("events", "show", event["id"], "--json").stdout) == event
        assert json.loads(run("audit", "--subject", "event", "--json").stdout)["entries"] == []

        shown = json.loads(run("events", "show", event["id"], "--body", "--json").stdout)

        assert shown["body"]["payload"]["object"]["id"] == run_id
        assert "data_comparison" in run("events", "show", event["id"], "--body").stdout
        entries = json.loads(run("audit", "--subject", "event", "--json").stdout)["entries"]
        assert [(each["name"], each["to"]) for each in entries] == [(event["id"], "read")] * 2

    def test_a_missing_event_is_reported_in_one_line(self, quiet: World, run: Run) -> None:
        start_and_end(quiet)
        [event] = listed(run)
        for command in (("show",), ("show", "--body"), ("replay",)):
            for id_, more in (("nothing", ()), (event["id"], ("--tenant", "another"))):
                result = run("events", command[0], id_, *command[1:], *more)
                assert (result.exit_code, result.stderr) == (
                    1,
                    f"Error: There is no event {id_}: list the events of this tenant.\n",
                )


class TestReplay:
    def test_replaying_an_applied_event_changes_nothing(self, quiet: World, run: Run) -> None:
        ann, run_id = start_and_end(quiet)
        before = run("verification", "show", run_id, "--json").stdout
        [event] = listed(run)

        result = run("events", "replay", event["id"])

        assert (result.exit_code, result.stdout) == (0, f"Replayed {event['id']}: applied.\n")
        assert run("verification", "show", run_id, "--json").stdout == before
        assert len(verified(ann.claims())) == 3
        entries = json.loads(run("audit", "--subject", "event", "--json").stdout)["entries"]
        assert [(each["to"], each["actor"].partition(":")[0]) for each in entries] == [("replayed", "cli")]

    def test_replaying_a_parked_event_applies_it(self, quiet: World, run: Run) -> None:
        ann = quiet.add_user()
        run_id = quiet.start(ann)
        quiet.outcome(run_id)
        post(quiet, run_id)
        [event] = listed(run)
        with quiet.connector.services.database.write() as connection:
            connection.execute(update(events).values(state="parked"))

        assert json.loads(run("events", "replay", event["id"], "--json").stdout)["state"] == "applied"

    @pytest.mark.one_database
    def test_an_event_of_an_unknown_run_stays_parked(self, quiet: World, run: Run) -> None:
        post(quiet, "11111111-1111-4111-8111-111111111111")
        [event] = listed(run)

        assert json.loads(run("events", "replay", event["id"], "--json").stdout)["state"] == "parked"

    def test_an_event_without_a_body_cannot_be_replayed(self, quiet: World, run: Run) -> None:
        start_and_end(quiet)
        [event] = listed(run)
        quiet.clock.advance(86400 * (quiet.connector.settings.event_retention_days + 1))
        quiet.sweep()
        result = run("events", "replay", event["id"])
        assert result.exit_code == 1
        assert "is not kept" in result.stderr


class TestWatch:
    def test_events_are_printed_as_they_arrive(self, quiet: World, settings: Settings) -> None:
        ann, run_id = start_and_end(quiet)
        assert ann.claims()
        with watching(settings, "events", "list", "--watch", "--json") as lines:
            assert json.loads(next(lines))["runId"] == run_id
            _, second = start_and_end(quiet, "ben")
            assert json.loads(next(lines))["runId"] == second

    def test_runs_are_printed_as_they_change(self, quiet: World, settings: Settings) -> None:
        with watching(settings, "verification", "list", "--watch") as lines:
            answer = quiet.add_user().verify(quiet.provider_id, "INITIATED")
            assert run_id_of(answer) in (started := next(lines))
            assert "awaiting_input" in started or "starting" in started
            post(quiet, run_id_of(answer))
            assert any("approved" in next(lines) for _ in range(2))


@contextmanager
def watching(settings: Settings, *arguments: str) -> Iterator[Iterator[str]]:
    """Run a command that prints until it is interrupted, and check that it then exits without an error."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
    environ |= {"CONNECTOR_DATA_DIR": str(settings.data_dir), "CONNECTOR_DATABASE_URL": settings.database_url}
    command, pipe = [sys.executable, "-m", "connector", *arguments], subprocess.PIPE
    environ |= {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true"}
    with running(command, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        yield iter(process.stdout.readline, "")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
