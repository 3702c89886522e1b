"""The processes as an operator runs them: two workers under gunicorn, a simulated Onfido, and the command line."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from connector.access.development import check_development
from connector.app import create_app
from connector.cli import main
from connector.settings import Issuer, Settings
from tests.waiting import wait_until

Spawn = Callable[..., subprocess.Popen[str]]

GIVEN_NAME, LAST_NAME, BIRTH_DATE = (f"http://wso2.org/claims/{name}" for name in ("givenname", "lastname", "dob"))
CLAIMS = Path(__file__).parent.parent.parent / "config" / "claims" / "wso2.json"
API_TOKEN = "api_sandbox.operators-secret"
METRICS_TOKEN = "scraper-of-the-tests"
SCRAPER = {"Authorization": f"Bearer {METRICS_TOKEN}"}


@dataclass(frozen=True)
class Deployment:
    """A connector with two workers, and its Onfido."""

    url: str
    onfido: str
    data_dir: Path

    def run(self, *arguments: str, **variables: str) -> str:
        """Run an operator's command, which must succeed, and return its output."""
        environ = {
            "CONNECTOR_DATA_DIR": str(self.data_dir),
            "CONNECTOR_PUBLIC_URL": self.url,
            "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true",
        }
        result = CliRunner().invoke(main, arguments, env=environ | variables, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    def verify(self, token: str, provider_id: str, status: str, **headers: str) -> Any:
        body = {
            "idVProviderId": provider_id,
            "claims": [GIVEN_NAME, LAST_NAME, BIRTH_DATE],
            "properties": [{"key": "status", "value": status}],
        }
        headers |= {"Authorization": f"Bearer {token}"}
        answer = requests.post(f"{self.url}/api/users/v1/me/idv/verify", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def requests_counted(self, route: str) -> int:
        """Return the number of a route's answers, from the metrics."""
        metrics = requests.get(f"{self.url}/metrics", headers=SCRAPER, timeout=60).text
        found = re.findall(rf'^connector_request_seconds_count{{.*route="{route}".*}} (\d+)', metrics, re.MULTILINE)
        return sum(int(number) for number in found)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, start: Callable[..., Any]) -> Iterator[Deployment]:
    data_dir = tmp_path_factory.mktemp("serve") / "data"
    onfido = start("simulate", ready="/simulator/state")
    server = start(
        "serve",
        "--dev",
        ready="/readyz",
        log=data_dir.parent / "log",
        CONNECTOR_DATA_DIR=str(data_dir),
        CONNECTOR_WORKERS="2",
        CONNECTOR_METRICS_TOKEN=METRICS_TOKEN,
    )
    yield Deployment(server.url, onfido.url, data_dir)
    assert onfido.stop() == 0
    assert server.stop() == 0, "it stops cleanly on request"


def test_a_user_is_verified_with_a_deployment_set_up_by_commands(deployment: Deployment) -> None:
    base_url = f"{deployment.onfido}/v3.6"
    options = ("--workflow-id", str(uuid.uuid4()), "--base-url", base_url, "--claims", str(CLAIMS), "--json")
    provider = json.loads(deployment.run("provider", "add", *options, ONFIDO_API_TOKEN=API_TOKEN))
    assert (provider["readiness"]["passed"], provider["setupGuide"]["hasWebhookToken"]) == (True, True)
    attributes = {GIVEN_NAME: "Ann", LAST_NAME: "Example", BIRTH_DATE: "1990-01-01"}
    deployment.run("user", "add", "ann", *(f"-a{uri}={value}" for uri, value in attributes.items()))
    token = deployment.run("token", "--user", "ann").strip()

    started = deployment.verify(token, provider["id"], "INITIATED")
    run_id = started["claims"][0]["claimMetadata"]["onfido_workflow_run_id"]
    [listed] = json.loads(deployment.run("verification", "list", "--user", "ann", "--json"))["verifications"]
    assert (listed["runId"], listed["closedAt"]) == (run_id, None)
    comparisons = {"first_name": "clear", "last_name": "consider", "date_of_birth": None}
    outcome = {"status": "approved", "comparisons": comparisons}
    requests.post(f"{deployment.onfido}/simulator/runs/{run_id}/outcome", json=outcome, timeout=60)
    deployment.verify(token, provider["id"], "COMPLETED", Prefer="wait=10")

    shown = json.loads(deployment.run("verification", "show", run_id, "--json"))
    assert (shown["status"], shown["userId"], shown["providerId"]) == ("approved", "ann", provider["id"])
    assert {claim["uri"]: (claim["isVerified"], claim["verificationStatus"]) for claim in shown["claims"]} == {
        GIVEN_NAME: (True, "clear"),
        LAST_NAME: (False, "consider"),
        BIRTH_DATE: (False, "not_compared"),
    }
    [status] = json.loads(deployment.run("user", "show", "ann", "--json"))["providers"]
    assert [claim["uri"] for claim in status["claims"] if claim["isVerified"]] == [GIVEN_NAME]
    assert json.loads(deployment.run("verification", "show", shown["id"], "--json")) == shown

    table = deployment.run("verification", "show", run_id)
    assert "approved" in table
    assert GIVEN_NAME in table
    assert run_id in deployment.run("verification", "list")
    assert deployment.run("verification", "list", "--user", "ben") == "No verification was started.\n"
    assert json.loads(deployment.run("verification", "list", "--tenant", "acme", "--json"))["verifications"] == []


def test_the_metrics_of_two_workers_are_added_whichever_answers(deployment: Deployment) -> None:
    def ask(_: int) -> None:
        assert requests.get(f"{deployment.url}/healthz", timeout=60).json() == {"status": "alive"}

    before = deployment.requests_counted("/healthz")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))
    assert [deployment.requests_counted("/healthz") - before for _ in range(8)] == [40] * 8


def test_a_caller_without_a_valid_token_is_refused(deployment: Deployment) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = requests.get(f"{deployment.url}/api/users/v1/me/idv/claims", headers=headers, timeout=60)
        assert answer.status_code == 401


def test_a_worker_next_to_a_server_stops_cleanly(deployment: Deployment, spawn: Spawn, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = spawn("worker", log=log, CONNECTOR_DATA_DIR=str(deployment.data_dir))
    wait_until(lambda: "worker.started" in log.read_text() or process.poll() is not None)
    process.terminate()
    assert process.wait(timeout=60) == 0
    assert "worker.stopped" in log.read_text()


def test_the_log_has_one_json_object_per_line_and_the_listening_address(deployment: Deployment) -> None:
    lines = [json.loads(line) for line in (deployment.data_dir.parent / "log").read_text().splitlines()]
    assert any(deployment.url in line["event"] for line in lines)
    assert API_TOKEN not in json.dumps(lines)


def test_a_token_of_the_development_issuer_is_valid_only_with_dev(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {mint(tmp_path)}"}
    issuer = Issuer("https://idp.example.com/oauth2/token", "connector")
    for is_dev, status in ((True, 404), (False, 401)):
        app = create_app(Settings(data_dir=tmp_path, issuers=(issuer,), dev=is_dev))
        answer = app.test_client().get("/api/users/v1/me/idv/claims", headers=headers)
        assert answer.status_code == status, answer.get_json()
        app.extensions["services"].close()


def test_a_development_token_has_its_tenant_and_the_requested_scopes(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, dev=True))

    def status(path: str, *arguments: str) -> int:
        headers = {"Authorization": f"Bearer {mint(tmp_path, *arguments)}"}
        return app.test_client().get(path, headers=headers).status_code

    providers = "/api/server/v1/idv-providers"
    assert status(providers, "--scope", "internal_idvp_view internal_login") == 200
    assert status(providers) == 403
    assert status(f"/t/acme{providers}", "--scope", "internal_idvp_view") == 403
    assert status(f"/t/acme{providers}", "--scope", "internal_idvp_view", "--tenant", "acme") == 200
    app.extensions["services"].close()


def mint(data_dir: Path, *arguments: str) -> str:
    environ = {"CONNECTOR_DATA_DIR": str(data_dir)}
    result = CliRunner().invoke(main, ["token", "--user", "ann", *arguments], env=environ, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(result.stdout.strip())


def test_serve_refuses_to_start_without_issuers_and_names_the_setting(
    tmp_path: Path, data_dir: Path, spawn: Spawn
) -> None:
    log = tmp_path / "log"
    assert spawn("serve", log=log, CONNECTOR_DATA_DIR=str(data_dir)).wait(timeout=60) == 1
    [line] = log.read_text().splitlines()
    assert line.startswith("Error: ")
    for advice in ("[[issuers]]", "CONNECTOR_ISSUERS", "--dev"):
        assert advice in line


def test_the_demo_shows_a_verification_and_ends() -> None:
    result = CliRunner().invoke(main, ["demo", "--once"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    before, _, after = result.stdout.partition("After:")
    for name in ("region", "token", "environment", "workflow", "claims", "webhook"):
        assert re.search(rf"^ +ok  {name}: ", before, re.MULTILINE)
    assert re.search(rf"  verified +{GIVEN_NAME}  \(comparison: clear\)", after)
    assert re.search(rf"  verified +{LAST_NAME}  \(comparison: clear\)", after)
    assert re.search(rf"not verified +{BIRTH_DATE}  \(comparison: not_compared\)", after)


ISSUERS = json.dumps([{"issuer": "https://idp.example.com", "audience": "connector"}])


@pytest.mark.parametrize(
    ("options", "variables", "reason"),
    [
        (("--host", "0.0.0.0"), {}, "`host` is 0.0.0.0"),
        (("--host", "::"), {}, "`host` is ::"),
        ((), {"CONNECTOR_HOST": "192.0.2.1"}, "`host` is 192.0.2.1"),
        ((), {"CONNECTOR_ISSUERS": ISSUERS}, "`issuers` are configured"),
        (("--host", "connector.example.com"), {"CONNECTOR_ISSUERS": ISSUERS}, "and `issuers` are configured"),
    ],
)
def test_dev_is_refused_if_other_hosts_can_connect(
    tmp_path: Path, options: tuple[str, ...], variables: dict[str, str], reason: str
) -> None:
    environ = {"CONNECTOR_DATA_DIR": str(tmp_path / "data")} | variables
    result = CliRunner().invoke(main, ["serve", "--dev", *options], env=environ)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert reason in result.stderr
    assert "--force-dev" in result.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost", "::1"])
def test_dev_is_accepted_on_loopback(tmp_path: Path, host: str) -> None:
    check_development(Settings(data_dir=tmp_path, host=host, dev=True))


def test_a_forced_development_mode_is_reported_at_the_start_and_in_readiness(
    tmp_path: Path, data_dir: Path, start: Callable[..., Any]
) -> None:
    log = tmp_path / "log"
    variables = {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_ISSUERS": ISSUERS}
    server = start("serve", "--dev", "--force-dev", ready="/readyz", log=log, **variables)
    warnings = requests.get(f"{server.url}/readyz", timeout=60).json()["warnings"]
    assert server.stop() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["what"] for line in lines if line["event"] == "serve.development"] == warnings
    assert [each.split(":")[0] for each in warnings] == ["--dev", "allow_http_loopback"]
