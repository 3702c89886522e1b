"""`connector provider add` with its checks, and `test`, `add-webhook` and `remove-webhook`, with a simulated Onfido."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from click.testing import Result

from connector.simulator.server import Simulator
from tests.cli.conftest import properties

Run = Callable[..., Result]
API_TOKEN = "api_sandbox.very-secret"
NAMES = ("--claim", "givenname=first_name", "--claim", "lastname=last_name")
WORKFLOW = ("--workflow-id", "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001")
CHECKS = ["region", "token", "environment", "workflow", "claims", "webhook"]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def connector(run: Run) -> Run:
    """Run an administrator's command on loopback, and check that it prints no token."""

    def connector(*arguments: str, **variables: str) -> Result:
        given = {"CONNECTOR_ALLOW_HTTP_LOOPBACK": "true", "ONFIDO_API_TOKEN": API_TOKEN}
        result = run("provider", *arguments, **given | variables)
        assert API_TOKEN not in result.output
        return result

    return connector


@pytest.fixture
def add(connector: Run, simulator: Simulator) -> Run:
    """Register a provider at the simulated Onfido."""

    def add(*arguments: str, **variables: str) -> Result:
        base_url = () if "--base-url" in arguments else ("--base-url", simulator.api_url)
        return connector("add", *NAMES, *WORKFLOW, *base_url, *arguments, **variables)

    return add


def marks(text: str) -> dict[str, str]:
    """Return the mark of each check that was printed on a line of its own."""
    return {name: mark for mark, name in re.findall(r"^(ok|failed|-) +(\w+)  ", text, re.MULTILINE)}


def webhooks(simulator: Simulator) -> list[dict[str, Any]]:
    """Return Onfido's state."""
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    found: list[dict[str, Any]] = requests.get(f"{simulator.api_url}/webhooks", headers=headers, timeout=60).json()[
        "webhooks"
    ]
    return found


def fail(simulator: Simulator, route: str, switch: str) -> None:
    answer = requests.patch(f"{simulator.url}/simulator/faults", json={"route": route, switch: 1}, timeout=60)
    assert answer.ok, answer.text


def without_age(shown: str) -> str:
    """Return the printed provider without the age of its last check."""
    return re.sub(r'Seconds": \d+', "", shown)


class TestUpdate:
    """New credentials are checked at Onfido before they are stored."""

    def test_a_valid_token_is_saved(self, add: Run, connector: Run) -> None:
        add()
        before = json.loads(connector("show", "Onfido", "--json").stdout)
        changed = connector("update", "Onfido", "--json", ONFIDO_API_TOKEN="api_live.another")
        after = json.loads(changed.stdout)
        assert (before["environment"], after["environment"]) == ("sandbox", "live")
        assert before["credentialsSetAt"] <= after["credentialsSetAt"]

    @pytest.mark.parametrize(
        ("options", "check"),
        [
            (("--api-token", "no token of Onfido's"), "token"),
            (("--base-url", "http://127.0.0.1:9/v3.6"), "region"),
        ],
    )
    def test_credentials_refused_by_onfido_change_nothing(
        self, add: Run, connector: Run, options: tuple[str, str], check: str
    ) -> None:
        add()
        before = without_age(connector("show", "Onfido", "--json").stdout)
        refused = connector("update", "Onfido", "--name", "Other", *options)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"Error: Nothing was changed: {check}: ")
        assert without_age(connector("show", "Onfido", "--json").stdout) == before

        forced = connector("update", "Onfido", *options, "--no-test")

        assert forced.exit_code == 0, forced.output

    def test_an_unchanged_secret_is_not_tested_at_onfido(self, add: Run, connector: Run, simulator: Simulator) -> None:
        add()
        asked = requests.get(f"{simulator.url}/simulator/state", timeout=60).json()["requests"]
        assert connector("update", "Onfido", "--max-attempts", "3").exit_code == 0
        assert requests.get(f"{simulator.url}/simulator/state", timeout=60).json()["requests"] == asked

    def test_credentials_are_shown_with_their_age_and_missing_events(self, add: Run, connector: Run) -> None:
        add()
        shown = connector("show", "Onfido").stdout
        assert re.search(r"^environment +sandbox$", shown, re.MULTILINE)
        assert re.search(r"^credentials since +20\d\d-\d\d-\d\dT[\d:]{8}Z$", shown, re.MULTILINE)
        assert re.search(r"^last webhook +-$", shown, re.MULTILINE)


def provider_id(connector: Run) -> str:
    """Return the id of the one provider that is registered."""
    [listed] = json.loads(connector("list", "--json").stdout)["identityVerificationProviders"]
    return str(listed["id"])


def assert_left_over(result: Result, *failed: str) -> None:
    """The provider is registered, and one line reports the problem."""
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: The provider is registered, but not ready: {', '.join(failed)}. ")
    assert "connector provider test" in line
    assert {name for name, mark in marks(result.stdout).items() if mark == "failed"} == set(failed)


class TestAdd:
    def test_add_registers_tests_and_sets_up_the_webhook(self, add: Run, connector: Run, simulator: Simulator) -> None:
        result = add()

        assert (result.exit_code, result.stderr) == (0, "")
        assert marks(result.stdout) == dict.fromkeys(CHECKS, "ok")
        [webhook] = webhooks(simulator)
        assert webhook["url"] == f"http://127.0.0.1:8080/idv/onfido/v1/{provider_id(connector)}/verify"
        assert webhook["token"] not in result.output
        assert "data_comparison" in result.stdout.partition("Next:")[2], "a step that only a person can do"
        assert connector("test", provider_id(connector)).exit_code == 0

    def test_add_reports_the_same_results_as_json(self, add: Run) -> None:
        provider = json.loads(add("--json").stdout)

        readiness = provider["readiness"]
        assert (readiness["passed"], readiness["environment"]) == (True, "sandbox")
        assert provider["setupGuide"]["hasWebhookToken"] is True
        assert [(check["name"], check["passed"]) for check in readiness["checks"]] == [(name, True) for name in CHECKS]

    def test_the_health_after_add_includes_the_webhook(self, add: Run, connector: Run) -> None:
        assert re.search(r"^health +good \(0 min ago\)$", add().stdout, re.MULTILINE)
        [health] = json.loads(connector("health", "--json").stdout)["providers"]
        assert (health["state"], health["failed"], health["isOutdated"]) == ("good", [], False)

    def test_add_can_leave_out_the_webhook(self, add: Run, simulator: Simulator) -> None:
        result = add("--no-webhook")

        assert result.exit_code == 0
        assert marks(result.stdout) == dict.fromkeys(CHECKS, "ok") | {"webhook": "-"}
        assert webhooks(simulator) == []

    def test_add_offline_calls_nothing(self, add: Run, simulator: Simulator) -> None:
        result = add("--offline")

        assert result.exit_code == 0
        assert marks(result.stdout) == {}
        assert requests.get(f"{simulator.url}/simulator/state", timeout=60).json()["requests"] == {}

    def test_a_provider_is_registered_even_if_onfido_is_unreachable(self, add: Run, connector: Run) -> None:
        result = add("--base-url", "http://127.0.0.1:1/v3.6", CONNECTOR_ONFIDO_READ_RETRIES="0")

        assert_left_over(result, "region")
        assert marks(result.stdout)["webhook"] == "-"
        assert provider_id(connector) in result.stderr

    def test_a_token_refused_by_onfido_is_reported(self, add: Run, simulator: Simulator) -> None:
        result = add("--json", ONFIDO_API_TOKEN="no-token-of-onfidos")

        assert result.exit_code == 1
        provider = json.loads(result.stdout)
        passed = {check["name"]: check["passed"] for check in provider["readiness"]["checks"]}
        assert passed == dict.fromkeys(CHECKS) | {"region": True, "token": False, "claims": True}
        assert "no-token-of-onfidos" not in result.output
        assert webhooks(simulator) == []

    def test_a_public_url_unreachable_for_onfido_is_reported(self, add: Run, simulator: Simulator) -> None:
        result = add(CONNECTOR_PUBLIC_URL="http://idv.example.com")

        assert_left_over(result, "webhook")
        assert "set public_url" in result.stdout
        assert webhooks(simulator) == []

    def test_a_webhook_that_onfido_did_not_create_is_created_later(
        self, add: Run, connector: Run, simulator: Simulator
    ) -> None:
        fail(simulator, "POST /webhooks", "throttled")

        assert_left_over(add(), "webhook")

        assert connector("add-webhook", provider_id(connector)).exit_code == 0
        assert connector("test", provider_id(connector)).exit_code == 0

    def test_a_refused_configuration_is_neither_registered_nor_tested(self, add: Run, simulator: Simulator) -> None:
        result = add("--max-attempts", "0")

        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
        assert requests.get(f"{simulator.url}/simulator/state", timeout=60).json()["requests"] == {}


class TestAfterwards:
    def test_a_test_reports_changes_made_at_onfido(self, add: Run, connector: Run, simulator: Simulator) -> None:
        add()
        [webhook] = webhooks(simulator)
        headers = {"Authorization": f"Token token={API_TOKEN}"}
        url = f"{simulator.api_url}/webhooks/{webhook['id']}"
        assert requests.put(url, json={"enabled": False}, headers=headers, timeout=60).ok

        told = connector("test", provider_id(connector))

        *logged, error = told.stderr.splitlines()
        assert (told.exit_code, error) == (1, "Error: Not ready: webhook.")
        assert [line.split().count("provider.turned_bad") for line in logged] == [1]
        assert "disabled" in told.stdout
        for_scripts = json.loads(connector("test", provider_id(connector), "--json").stdout)
        assert (for_scripts["passed"], for_scripts["checks"][-2]["passed"]) == (False, False)
        repaired = json.loads(connector("add-webhook", provider_id(connector), "--json").stdout)
        assert repaired == {
            "webhookId": webhook["id"],
            "webhookUrl": webhook["url"],
            "events": ["workflow_run.completed"],
            "environments": ["sandbox"],
            "isNew": False,
        }
        assert connector("test", provider_id(connector)).exit_code == 0

    def test_a_webhook_is_added_shown_and_removed(self, add: Run, connector: Run, simulator: Simulator) -> None:
        add("--offline")
        added = connector("add-webhook", provider_id(connector))
        [webhook] = webhooks(simulator)
        assert webhook["id"] in added.stdout
        assert webhook["token"] not in added.output

        removed = connector("remove-webhook", provider_id(connector))

        assert (removed.exit_code, removed.stdout) == (0, f"Removed the webhook of {provider_id(connector)}.\n")
        assert webhooks(simulator) == []
        assert "webhook_token" not in properties(
            json.loads(connector("list", "--json").stdout)["identityVerificationProviders"][0]
        )

    def test_a_missing_object_is_reported_in_one_line(self, add: Run, connector: Run) -> None:
        add("--offline")
        ours = provider_id(connector)
        for arguments, named in (
            (("test", UNKNOWN), UNKNOWN),
            (("test", ours, "--tenant", "acme"), ours),
            (("add-webhook", UNKNOWN), UNKNOWN),
            (("add-webhook", ours, "--tenant", "acme"), ours),
            (("remove-webhook", UNKNOWN), UNKNOWN),
            (("remove-webhook", ours), ours),
        ):
            result = connector(*arguments)
            assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
            assert named in result.stderr
