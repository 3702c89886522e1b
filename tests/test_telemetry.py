"""Logs and metrics: JSON lines with a trace id, correct numbers, and never a value or a secret."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.access.development import mint_token
from connector.simulator.server import Simulator
from connector.telemetry import new_trace_id
from tests.bodies import event_body, provider_body, sign
from tests.harness import ADMIN_SCOPES
from tests.ports import free_port
from tests.processes import running
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME
from tests.waiting import wait_for_answer

VALUES = {GIVEN_NAME: "Zebulonia", LAST_NAME: "Quartermainsen", BIRTH_DATE: "1987-11-23"}
API_TOKEN = "api_sandbox.never-in-a-log"
TRACE_ID = "trace-of-the-initiation"

# A program with valid and invalid calls of the connector's logger.
LOGGING = """
import logging, structlog
from connector import telemetry

telemetry.configure_logging("INFO", sys.argv[1])
log = structlog.get_logger("connector.test")
log.info("outside")
telemetry.trace_id.set("trace-1")
secrets = {name: "hidden-value" for name in (
    "api_token", "sdk_token", "TOKEN", "client_secret", "password", "Authorization", "x_sha2_signature",
    "encryption_keys", "webhook_token")}
log.warning("inside", run_id="run-1", **secrets)
logging.getLogger("a.library").error("of a %s", "library")
log.debug("too fine")

def fail(password):
    local_value = "local-" + password
    raise ValueError("it failed")

try:
    fail("hidden-value")
except ValueError as error:
    log.error("failed", exc_info=error)
    logging.getLogger("a.library").exception("failed too")
"""
METRICS_TOKEN = "scraper-of-the-tests"


@dataclass(frozen=True)
class Story:
    """The log and the metrics of a user's verification, and the secrets that must not be in them."""

    lines: list[dict[str, Any]]
    log: str
    metrics: str
    secrets: set[str]

    def count(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", self.metrics, re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(number) for shown, number in found if all(each in shown for each in wanted))


# A program that logs what callers sent.
HOSTILE = """
import logging, structlog
from connector import telemetry

telemetry.configure_logging("INFO", sys.argv[1])
sent = "/\\x1b[31mred\\x9b2J\\nforged\\x85line\\u2028and\\u202eback"
structlog.get_logger("connector.test").info("access", path=sent, ids={"user_id": sent})
logging.getLogger("a.library").warning("cannot read %s", sent)
try:
    raise ValueError(sent)
except ValueError as error:
    structlog.get_logger("connector.test").error("failed", exc_info=error)
"""


def logged(log_format: str, program: str = LOGGING) -> str:
    command = [sys.executable, "-c", "import sys\n" + program, log_format]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    """The log lines of the program."""
    return [json.loads(line) for line in logged("json").splitlines()]


class TestLogs:
    def test_every_line_is_a_json_object_with_its_time_level_and_origin(self, entries: list[dict[str, Any]]) -> None:
        assert [(entry["level"], entry["logger"], entry["event"]) for entry in entries] == [
            ("info", "connector.test", "outside"),
            ("warning", "connector.test", "inside"),
            ("error", "a.library", "of a library"),
            ("error", "connector.test", "failed"),
            ("error", "a.library", "failed too"),
        ]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", entry["timestamp"]) for entry in entries)

    def test_the_trace_id_is_on_every_line_of_a_request_including_libraries(
        self, entries: list[dict[str, Any]]
    ) -> None:
        assert [entry.get("trace_id") for entry in entries] == [None, *["trace-1"] * 4]

    def test_only_values_of_secret_keys_are_masked(self, entries: list[dict[str, Any]]) -> None:
        inside = entries[1]
        assert inside["run_id"] == "run-1"
        assert {value for key, value in inside.items() if re.search("(?i)token|secret|pass|auth|sign|keys", key)} == {
            "…"
        }

    def test_a_traceback_has_no_local_variables(self, entries: list[dict[str, Any]]) -> None:
        for entry in entries[3:]:
            traceback = json.dumps(entry["exception"])
            assert "ValueError" in traceback
            assert "it failed" in traceback
            assert "local-" not in traceback

    @pytest.mark.parametrize("log_format", ["json", "console"])
    def test_no_log_format_shows_a_secret(self, log_format: str) -> None:
        text = logged(log_format)
        assert "it failed" in text
        assert "hidden-value" not in text

    @pytest.mark.parametrize("log_format", ["json", "console"])
    def test_no_log_format_lets_a_caller_control_the_terminal_or_forge_lines(self, log_format: str) -> None:
        text = logged(log_format, HOSTILE)
        assert [each for each in text if not (each.isprintable() or each == "\n")] == []
        assert "x1b[31mred" in text or "u001b[31mred" in text
        assert [line for line in text.splitlines() if line.startswith("forged")] == []


class TestTraceId:
    @pytest.mark.parametrize(
        "given", ["12345678", "a" * 64, "Trace.id_with:all-kinds", "6db232ae-e51e-430a-8404-27d85b1d6f4a"]
    )
    def test_a_valid_trace_id_of_the_caller_is_kept(self, given: str) -> None:
        assert new_trace_id(given) == given

    @pytest.mark.parametrize(
        "given", [None, "", "short", "a" * 65, "two\nlines-of-log", "with space", "ümläut-id", '{"a":1}']
    )
    def test_an_invalid_trace_id_is_replaced(self, given: str | None) -> None:
        assert uuid.UUID(new_trace_id(given))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Run a server that logs everything, and verify a user, with refusals on the way."""
    data_dir = tmp_path_factory.mktemp("telemetry")
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", data_dir / "log"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
    environ |= {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_PUBLIC_URL": url, "CONNECTOR_LOG_LEVEL": "DEBUG"}
    environ["CONNECTOR_METRICS_TOKEN"] = METRICS_TOKEN
    command = [sys.executable, "-m", "connector"]
    attributes = [f"-a{uri}={value}" for uri, value in VALUES.items()]
    subprocess.run([*command, "user", "add", "ann", *attributes], env=environ, check=True, capture_output=True)
    with log.open("wb") as output, Simulator() as simulator:
        serve = [*command, "serve", "--dev", "--port", str(port)]
        with running(serve, env=environ, stderr=output) as process:
            wait_for_answer(f"{url}/readyz", process)
            secrets = play(url, data_dir, simulator)
            scraper = {"Authorization": f"Bearer {METRICS_TOKEN}"}
            metrics = requests.get(f"{url}/metrics", headers=scraper, timeout=60).text
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
    text = log.read_text()
    return Story([json.loads(line) for line in text.splitlines()], text, metrics, secrets)


def play(url: str, data_dir: Path, simulator: Simulator) -> set[str]:
    """Verify a user, send requests that are refused, and return every secret that was used."""
    access_token = mint_token(data_dir, "ann", ["internal_login", *ADMIN_SCOPES])

    def call(method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {access_token}"} | headers
        return requests.request(method, url + path, json=body, headers=headers, timeout=60)

    def verify(provider_id: str, status: str, **headers: str) -> requests.Response:
        properties = [{"key": "status", "value": status}]
        body = {"idVProviderId": provider_id, "claims": [*VALUES], "properties": properties}
        return call("POST", "/api/users/v1/me/idv/verify", body, **headers)

    webhook_token = f"hook-{uuid.uuid4()}"
    properties = {
        "token": API_TOKEN,
        "workflow_id": "6db232ae-e51e-430a-8404-27d85b1d6f4a",
        "base_url": simulator.api_url,
    }
    body = provider_body(
        simulator,
        configProperties=[
            {"key": key, "value": value} for key, value in (properties | {"webhook_token": webhook_token}).items()
        ],
    )
    provider_id = call("POST", "/api/server/v1/idv-providers", body).json()["id"]
    started = verify(provider_id, "INITIATED", **{"X-Correlation-ID": TRACE_ID})
    assert started.headers["X-Correlation-ID"] == TRACE_ID
    metadata = started.json()["claims"][0]["claimMetadata"]
    resumed = verify(provider_id, "REINITIATED").json()["claims"][0]["claimMetadata"]
    comparisons = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
    event = event_body(metadata["onfido_workflow_run_id"], comparisons=comparisons, names=list(VALUES.values()))
    webhook = f"{url}/idv/onfido/v1/{provider_id}/verify"
    for signature, status in (("0" * 64, 401), (sign(event, webhook_token), 200), (sign(event, webhook_token), 200)):
        assert requests.post(webhook, event, headers={"X-SHA2-Signature": signature}, timeout=60).status_code == status
    assert all(claim["isVerified"] for claim in verify(provider_id, "COMPLETED").json()["claims"])
    assert verify(provider_id, "INITIATED").status_code == 400
    assert call("GET", "/api/users/v1/me/idv/claims", Authorization="Bearer no.good.token").status_code == 401
    return {API_TOKEN, webhook_token, access_token, metadata["sdk_token"], resumed["sdk_token"]}


class TestWholeVerification:
    def test_the_log_contains_no_value_and_no_secret_at_the_finest_level(self, story: Story) -> None:
        assert any(line["level"] == "debug" for line in story.lines)
        assert [secret for secret in [*story.secrets, *VALUES.values()] if secret in story.log] == []

    def test_every_line_is_json_with_level_logger_and_event(self, story: Story) -> None:
        assert all({"level", "logger", "event", "timestamp"} <= set(line) for line in story.lines)

    def test_the_callers_trace_id_is_on_the_lines_of_its_request(self, story: Story) -> None:
        mine = [line for line in story.lines if line.get("trace_id") == TRACE_ID]
        assert any("/v3.6/workflow_runs" in line["event"] for line in mine), "the calls to Onfido"

    def test_every_line_of_ours_in_a_request_has_a_trace_id(self, story: Story) -> None:
        ours = [
            line for line in story.lines if line["event"] in ("run.status_changed", "event.received", "request.refused")
        ]
        assert len(ours) >= 4
        assert all(line.get("trace_id") for line in ours)

    def test_a_whole_verification_logs_no_warning(self, story: Story) -> None:
        assert [line for line in story.lines if line["level"] in ("error", "critical")] == []

    def test_requests_are_counted_by_route_and_status_without_ids(self, story: Story) -> None:
        verify = "/api/users/v1/me/idv/verify"
        assert story.count("connector_request_seconds_count", route=verify, status="200") == 3
        assert story.count("connector_request_seconds_count", route=verify, status="400") == 1
        webhook = "/idv/onfido/v1/<provider_id>/verify"
        assert story.count("connector_request_seconds_count", route=webhook, status="401") == 1
        assert story.count("connector_request_seconds_count", route=webhook, status="200") == 2

    def test_events_and_runs_are_counted_by_their_outcome(self, story: Story) -> None:
        assert story.count("connector_events_total", state="applied") == 1
        assert story.count("connector_events_total", state="duplicate") == 1
        assert story.count("connector_runs_total", status="approved") == 1
        assert story.count("connector_runs_nothing_compared_total") == 0

    def test_the_metrics_contain_no_value_and_no_secret(self, story: Story) -> None:
        assert [secret for secret in [*story.secrets, *VALUES.values()] if secret in story.metrics] == []
