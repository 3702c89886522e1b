"""Settings in force: values, sources, and processes with different settings."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.access.development import mint_token
from connector.app import create_app
from connector.connections import FRESH, CheckedConnections, Connections, Part
from connector.domain.providers.readiness import Check
from connector.domain.tenancy import DEFAULT_TENANT
from connector.process.heartbeat import SERVE, WORKER, Heartbeat
from connector.services.processes import SILENT
from connector.settings import Issuer, Settings, load
from connector.settings.shown import exact, shown
from connector.store import processes
from tests.harness import Clock, World
from tests.services.conftest import Run
from tests.waiting import wait_until

SETTINGS = "/api/server/v1/settings"
CONNECTIONS = "/api/server/v1/connections"
OPERATE = ["internal_idv_operate"]
SECRET = "a-secret-of-the-test-that-is-never-shown"


def ask(world: World, path: str, tenant: str = DEFAULT_TENANT, scopes: list[str] | None = None) -> requests.Response:
    return world.connector.caller("operator", OPERATE if scopes is None else scopes, tenant).get(path)


class TestShown:
    @pytest.fixture
    def read(self, tmp_path: Path) -> Settings:
        path = tmp_path / "settings.toml"
        path.write_text(
            f'threads = 3\nmetrics_token = "{SECRET}"\nworkers = 2\n'
            '[[issuers]]\nissuer = "https://idp.example.com"\naudience = "x"\ntoken_format = "opaque"\n'
            'introspection_endpoint = "https://idp.example.com/i"\nclient_id = "me"\nclient_secret = "env:HOLDS_IT"\n'
        )
        return load(path, {"CONNECTOR_WORKERS": "5", "CONNECTOR_PORT": "9000"}, port=9100)

    def test_every_setting_names_its_effective_source(self, read: Settings) -> None:
        sources = {each.name: each.source for each in shown(read)}
        assert sources["threads"] == sources["metrics_token"] == sources["issuers"] == "file"
        assert (sources["workers"], sources["port"], sources["host"]) == ("environment", "command line", "default")

    def test_only_the_presence_of_a_secret_is_shown_at_any_depth(self, read: Settings) -> None:
        by_name = {each.name: each for each in shown(read)}
        assert (by_name["metrics_token"].value, by_name["metrics_token"].is_secret) == ("set", True)
        assert by_name["database_url"].value == "not set"
        [issuer] = by_name["issuers"].value
        assert (issuer["client_id"], issuer["client_secret"]) == ("me", "set")
        everything = json.dumps([vars(each) for each in shown(read)])
        assert SECRET not in everything
        assert "HOLDS_IT" not in everything

    def test_settings_that_differ_only_in_their_source_are_equal(self, read: Settings) -> None:
        assert read == replace(read)

    def test_shared_settings_are_compared_exactly_and_individual_ones_ignored(self, read: Settings) -> None:
        assert SECRET in exact(read)["metrics_token"]
        assert not {"port", "workers", "threads", "dev"} & exact(read).keys()


class TestOverHttp:
    def test_the_operator_sees_the_settings_and_their_time(self, world: World) -> None:
        answer = ask(world, SETTINGS)
        assert answer.status_code == 200, answer.text
        by_name = {each["name"]: each for each in answer.json()["settings"]}
        assert by_name["public_url"]["source"] == "default"
        assert by_name["database_url"] | {"sentence": ""} == {
            "name": "database_url",
            "value": "set",
            "isSecret": True,
            "source": "default",
            "sentence": "",
        }
        assert answer.json()["since"] <= f"{world.clock():%Y-%m-%dT%H:%M:%SZ}"
        assert world.connector.settings.database_url not in answer.text

    @pytest.mark.parametrize("path", [SETTINGS, CONNECTIONS])
    def test_other_tenants_do_not_see_settings(self, world: World, path: str) -> None:
        elsewhere = ask(world, path, "acme")
        assert (elsewhere.status_code, "operator_tenant" in elsewhere.json()["description"]) == (403, True)
        assert ask(world, path, scopes=["internal_idvp_view", "internal_idv_claim_view"]).status_code == 403
        crossed = world.connector.caller("operator", OPERATE, "acme").headers
        assert requests.get(world.connector.url + path, headers=crossed, timeout=60).status_code == 403

    def test_connections_are_checked(self, world: World) -> None:
        answer = ask(world, CONNECTIONS)
        assert answer.status_code == 200, answer.text
        assert answer.json()["passed"] is True
        assert answer.json()["checks"] == []


class TestProcesses:
    @pytest.fixture
    def started(self, world: World) -> Iterator[list[Heartbeat]]:
        hearts: list[Heartbeat] = []
        yield hearts
        for each in hearts:
            each.stop()

    def start(self, world: World, started: list[Heartbeat], role: str, settings: Settings) -> Heartbeat:
        number = len(rows(world))
        heart = Heartbeat(world.connector.services.processes, role, settings, interval=0.05)
        started.append(heart)
        heart.start()
        wait_until(lambda: len(rows(world)) > number)
        world.clock.advance(1)
        return heart

    def test_processes_with_the_same_settings_raise_no_warning(self, world: World, started: list[Heartbeat]) -> None:
        settings = world.connector.settings
        self.start(world, started, SERVE, settings)
        self.start(world, started, WORKER, replace(settings, port=settings.port + 1, worker_threads=9))
        answer = ask(world, SETTINGS).json()
        assert [(each["role"], each["differing"]) for each in answer["processes"]] == [(WORKER, []), (SERVE, [])]
        assert not [each for each in answer["warnings"] if "other settings" in each]

    def test_a_process_with_a_different_secret_is_named(self, world: World, started: list[Heartbeat]) -> None:
        settings = world.connector.settings
        self.start(world, started, SERVE, replace(settings, metrics_token="first-secret-of-the-test"))
        self.start(world, started, SERVE, replace(settings, metrics_token=SECRET, event_retention_days=7))
        answer = ask(world, SETTINGS)
        latest, former = answer.json()["processes"]
        assert (latest["differing"], former["differing"]) == ([], ["event_retention_days", "metrics_token"])
        [warning] = [each for each in answer.json()["warnings"] if "other settings" in each]
        assert "event_retention_days" in warning
        assert SECRET not in answer.text + str(rows(world))

    def test_a_change_of_settings_is_once_in_the_operators_audit_trail(
        self, world: World, started: list[Heartbeat]
    ) -> None:
        settings = world.connector.settings
        changed = replace(settings, metrics_token=SECRET, event_retention_days=7)
        for each in (settings, changed, changed):
            self.start(world, started, SERVE, each)
        trail = world.connector.as_admin(DEFAULT_TENANT).get("/api/server/v1/audit", params={"subject": "settings"})
        [entry] = trail.json()["entries"]
        assert (entry["name"], entry["to"]) == ("serve", "changed")
        assert {each["property"]: (each["from"], each["to"]) for each in entry["changes"]} == {
            "event_retention_days": (settings.event_retention_days, 7),
            "metrics_token": ("not set", "set"),
        }
        self.start(world, started, SERVE, replace(changed, metrics_token="another-secret-of-the-test"))
        trail = world.connector.as_admin(DEFAULT_TENANT).get("/api/server/v1/audit", params={"subject": "settings"})
        [replaced, _] = trail.json()["entries"]
        assert replaced["changes"] == [{"property": "metrics_token", "from": "set", "to": "replaced"}]
        assert SECRET not in trail.text

    def test_an_ended_or_silent_process_is_no_longer_listed(self, world: World, started: list[Heartbeat]) -> None:
        settings = world.connector.settings
        self.start(world, started, SERVE, settings).stop()
        assert ask(world, SETTINGS).json()["processes"] == []
        killed = Heartbeat(world.connector.services.processes, WORKER, settings, interval=10_000)
        killed.start()
        wait_until(lambda: len(rows(world)) == 2)
        assert [each["role"] for each in ask(world, SETTINGS).json()["processes"]] == [WORKER]
        world.clock.advance(SILENT.total_seconds() + 1)
        assert ask(world, SETTINGS).json()["processes"] == []
        killed.stop()

    def test_a_process_whose_row_was_deleted_registers_again(self, world: World, started: list[Heartbeat]) -> None:
        self.start(world, started, SERVE, world.connector.settings)
        with world.connector.services.database.write() as connection:
            processes.forget(connection, world.clock() + SILENT)
        wait_until(lambda: len(rows(world)) == 1)

    def test_the_command_line_shows_processes_and_settings(
        self, world: World, started: list[Heartbeat], run: Run
    ) -> None:
        self.start(world, started, SERVE, replace(world.connector.settings, event_retention_days=7))
        self.start(world, started, SERVE, world.connector.settings)
        result = run("settings", "--changed")
        assert result.exit_code == 0, result.output
        assert "database_url" in result.stdout
        assert "public_url" not in result.stdout
        assert "event_retention_days" in result.stderr
        shown_as_json = json.loads(run("settings", "--json").stdout)
        assert {each["name"] for each in shown_as_json["settings"]} >= {"public_url", "threads", "issuers"}
        assert len(shown_as_json["processes"]) == 2


def rows(world: World) -> list[Any]:
    with world.connector.services.database.read() as connection:
        return list(processes.find_all(connection, world.clock() - 1000 * SILENT))


class Answering:
    """A check that answers when the test says so, and counts its calls."""

    def __init__(self, result: bool | None = True) -> None:
        self.asked, self.result = 0, result

    def checks(self) -> Iterator[Check]:
        self.asked += 1
        yield Check("keys", self.result, "x")


class Silent:
    """A peer that does not answer."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def checks(self) -> Iterator[Check]:
        self.release.wait(60)
        yield Check("keys", True, "late")


class TestConnections:
    def test_results_are_reused_for_a_minute_by_all_callers(self) -> None:
        part, now = Answering(), [0.0]
        connections = Connections(lambda: [Part("acme", "idp", part)], Clock(), monotonic=lambda: now[0])
        for _ in range(5):
            assert connections.check().passed
        assert part.asked == 1
        now[0] = FRESH
        assert [each.part for each in connections.check().checks] == ["idp"]
        assert part.asked == 2

    def test_an_unanswered_connection_check_fails_and_delays_no_other(self) -> None:
        silent = Silent()
        parts = [Part("", "silent", silent), Part("acme", "idp", Answering()), Part("acme", "d", Answering(None))]
        made: list[CheckedConnections] = []

        def are_others_answered() -> bool:
            """A busy machine may not get to them within the budget."""
            made.append(Connections(lambda: parts, Clock(), budget=0.2).check())
            answers = [(each.part, each.check.passed) for each in made[-1].checks]
            return answers == [("silent", False), ("idp", True), ("d", None)]

        wait_until(are_others_answered)
        silent.release.set()
        assert not made[-1].passed
        assert made[-1].checks[0].check.detail == "No answer within 0.2 seconds."


@pytest.mark.one_database
def test_another_tenant_may_be_the_operators(tmp_path: Path) -> None:
    issuer = Issuer(issuer="https://unreachable.invalid", audience="x", tenant="ops")
    settings = Settings(data_dir=tmp_path, dev=True, operator_tenant="ops", issuers=(issuer,))
    app = create_app(settings)
    try:

        def status(tenant: str, prefix: str) -> int:
            headers = {"Authorization": f"Bearer {mint_token(tmp_path, 'o', OPERATE, tenant)}"}
            return app.test_client().get(prefix + SETTINGS, headers=headers).status_code

        assert (status("ops", "/t/ops"), status(DEFAULT_TENANT, "")) == (200, 403)
    finally:
        app.extensions["services"].close()
