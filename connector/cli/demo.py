"""`connector demo`: one complete verification over real HTTP, step by step, with a simulated Onfido.

It uses an operator's tools: the `connector serve` process, its API, the command line's services; and its own data
directory, which is removed at the end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import requests

from connector import settings
from connector.access.development import mint_token
from connector.bootstrap import create_services
from connector.cli.progress import Stop
from connector.domain.tenancy import DEFAULT_TENANT
from connector.process.startup import console_link
from connector.settings import Settings
from connector.simulator.server import Simulator

USER = "alice"
GIVEN_NAME = "http://wso2.org/claims/givenname"
LAST_NAME = "http://wso2.org/claims/lastname"
BIRTH_DATE = "http://wso2.org/claims/dob"
VALUES = {GIVEN_NAME: "Alice", LAST_NAME: "Example", BIRTH_DATE: "1990-01-01"}
MAPPING = {GIVEN_NAME: "first_name", LAST_NAME: "last_name", BIRTH_DATE: "dob"}
API_TOKEN = "api_sandbox.demo"  # noqa: S105  the simulator takes any
WORKFLOW_ID = "7f1a0c52-6a7e-4a6a-9d3b-0c5de0f0a001"
ADMIN_SCOPES = (
    *(f"internal_idvp_{name}" for name in ("view", "add", "update", "delete")),
    *(f"internal_idv_claim_{name}" for name in ("verify", "view", "add", "update")),
)
# Seconds; the first two are sufficient for slow machines.
START_TIMEOUT = 300
REQUEST_TIMEOUT = 120
LOOK_AGAIN = 0.1


def perform(stop: Stop, *, once: bool) -> None:
    """Show a complete verification; unless `once`, keep running for experiments until it is asked to end.

    `stop` is checked between steps. Raises `click.ClickException` if a step fails.
    """
    with (
        tempfile.TemporaryDirectory(prefix="connector-demo-") as directory,
        Simulator() as simulator,
    ):
        data_dir = Path(directory)
        port = _free_port()
        with _connector(data_dir, port, stop) as configured:
            _show_console(configured)
            show = Show(configured, stop)
            provider_id = _set_up(show, configured, simulator)
            _verify(show, provider_id, simulator)
            if not once:
                _stay(configured, simulator, provider_id, stop)


def _show_console(configured: Settings) -> None:
    """Print the link that signs in to the console."""
    with closing(create_services(configured)) as services:
        link = console_link(services, services.tenants.named(DEFAULT_TENANT))
    if link:
        click.echo(f"{_bold('The console:')} {link}\n  The link signs you in once, within 15 minutes.")


def _set_up(show: Show, configured: Settings, simulator: Simulator) -> str:
    show.title("The administrator registers an identity verification provider")
    body = {
        "type": "ONFIDO",
        "name": "Onfido",
        "isEnabled": True,
        "claims": [{"localClaim": uri, "idvpClaim": field} for uri, field in MAPPING.items()],
        "configProperties": [
            {"key": "token", "value": API_TOKEN, "isSecret": True},
            {"key": "workflow_id", "value": WORKFLOW_ID},
            {"key": "base_url", "value": simulator.api_url},
        ],
    }
    provider = show.call("POST", "/api/server/v1/idv-providers", body, ADMIN_SCOPES)
    path = f"/api/server/v1/idv-providers/{provider['id']}"

    show.title(
        "The connector creates its webhook at Onfido, keeps the token, and tests everything that a verification needs"
    )
    show.call("POST", f"{path}/webhook", None, ADMIN_SCOPES)
    readiness = show.call("POST", f"{path}/test-connection", None, ADMIN_SCOPES)
    for check in readiness["checks"]:
        show.line(f"  {'ok' if check['passed'] else 'failed'}  {check['name']}: {check['detail']}")

    show.title(f"The user directory has {USER}")
    services = create_services(configured)
    services.users.add(services.tenants.named(DEFAULT_TENANT), USER, VALUES)
    services.close()
    for uri, value in VALUES.items():
        show.line(f"{uri} = {value}")
    return str(provider["id"])


def _verify(show: Show, provider_id: str, simulator: Simulator) -> None:
    show.title(f"Before: no claim of {USER} is verified")
    show.claims()

    show.title("The application initiates the verification")
    started = show.call("POST", "/api/users/v1/me/idv/verify", verify_body(provider_id, "INITIATED"))
    run_id = started["claims"][0]["claimMetadata"]["onfido_workflow_run_id"]

    show.title(f"{USER} shows a document to Onfido's SDK; Onfido approves the run and posts its signed webhook")
    show.line(f"POST {simulator.url}/simulator/runs/{run_id}/outcome")
    outcome = {
        "status": "approved",
        "comparisons": {"first_name": "clear", "last_name": "clear", "date_of_birth": None},
    }
    requests.post(f"{simulator.url}/simulator/runs/{run_id}/outcome", json=outcome, timeout=REQUEST_TIMEOUT)

    show.title("The application completes the verification, and waits for the result if necessary")
    body = verify_body(provider_id, "COMPLETED")
    show.call("POST", "/api/users/v1/me/idv/verify", body, headers={"Prefer": "wait=10"})

    show.title(
        "After: each attribute is judged separately; the birth date was not compared, which does not affect the names"
    )
    show.claims()


def verify_body(provider_id: str, status: str) -> dict[str, Any]:
    """Return the body of a verification request for all of the user's claims."""
    return {"idVProviderId": provider_id, "claims": list(VALUES), "properties": [{"key": "status", "value": status}]}


def _stay(configured: Settings, simulator: Simulator, provider_id: str, stop: Stop) -> None:
    token = mint_token(configured.data_dir, USER, ["internal_login", *ADMIN_SCOPES], lifetime=86_400)
    api = configured.public_url
    click.echo(
        f"""
{_bold("It runs until you press Ctrl-C. To try it yourself:")}

  API documentation   {api}/docs/
  Simulated Onfido    {simulator.url}/

  TOKEN={token}

  curl -s {api}/api/users/v1/me/idv/claims -H "Authorization: Bearer $TOKEN"

  curl -s {api}/api/users/v1/me/idv/verify -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d '{{"idVProviderId": "{provider_id}", "claims": ["{BIRTH_DATE}"],
         "properties": [{{"key": "status", "value": "INITIATED"}}]}}'

  Then open the simulated Onfido, play the person, and ask again with COMPLETED in place of INITIATED.

  The example application of config/examples/web-app takes from here:

  export IDV_URL={api} PROVIDER_ID={provider_id} ACCESS_TOKEN=$TOKEN SDK_URL=/sdk-stub.js
"""
    )
    while True:  # `signal.pause` would miss a signal that arrives just before it
        stop.check()
        time.sleep(LOOK_AGAIN)


class Show:
    """Performs requests and prints them in a few readable lines."""

    def __init__(self, configured: Settings, stop: Stop) -> None:
        self._settings = configured
        self._stop = stop
        self._step = 0

    def title(self, text: str) -> None:
        """Start a step, or end the demo if that was asked for."""
        self._stop.check()
        self._step += 1
        click.echo(f"\n{_bold(f'{self._step}. {text}')}")

    def line(self, text: str) -> None:
        """Print a line of a step."""
        click.echo(f"   {text}")

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        scopes: tuple[str, ...] = ("internal_login",),
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Perform a request as the user, and print it with its answer; a failed one ends the demo."""
        answer = self._send(method, path, body, scopes, headers or {})
        status = next((item["value"] for item in (body or {}).get("properties", [])), "")
        self.line(f"{method} {path}  {status}".rstrip())
        for name in ("Location", "Preference-Applied"):
            if name in answer.headers:
                self.line(f"  {name}: {answer.headers[name]}")
        content = answer.json()
        self.line(f"-> {answer.status_code} {_summary(content)}")
        if not answer.ok:
            raise click.ClickException(f"The demo stops: {content['description']}")
        return content

    def claims(self) -> None:
        """Print the user's current claims."""
        path = "/api/users/v1/me/idv/claims"
        self.line(f"GET {path}")
        claims = self._send("GET", path, None, ("internal_login",), {}).json()
        for claim in claims:
            mark = (
                click.style("verified    ", fg="green")
                if claim["isVerified"]
                else click.style("not verified", fg="red")
            )
            status = claim["claimMetadata"].get("onfido_verification_status", "-")
            self.line(f"  {mark}  {claim['uri']}  (comparison: {status})")
        if not claims:
            self.line("-> 200 no claims yet")

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, scopes: tuple[str, ...], headers: dict[str, str]
    ) -> requests.Response:
        token = mint_token(self._settings.data_dir, USER, scopes)
        headers = {"Authorization": f"Bearer {token}"} | headers
        url = self._settings.public_url + path
        return requests.request(method, url, json=body, headers=headers, timeout=REQUEST_TIMEOUT)


def _summary(content: Any) -> str:
    if "code" in content:
        return f"{content['code']} {content['message']}: {content['description']}"
    if "claims" in content and "idVProviderId" in content:
        metadata = content["claims"][0]["claimMetadata"]
        token = f", SDK token {metadata['sdk_token'][:12]}…" if "sdk_token" in metadata else ""
        return f"run {metadata['onfido_workflow_run_id']} is {metadata['onfido_workflow_status']}{token}"
    if "webhookId" in content:
        return f"webhook {content['webhookId']} posts {', '.join(content['events'])} to {content['webhookUrl']}"
    if "checks" in content:
        return "ready" if content["passed"] else "not ready"
    secrets = [item["key"] for item in content["configProperties"] if item["isSecret"]]
    return f"provider {content['id']} (never shown: {', '.join(secrets)})"


@contextmanager
def _connector(data_dir: Path, port: int, stop: Stop) -> Iterator[Settings]:
    """Run `connector serve` on its own data directory until the demo ends."""
    url = f"http://127.0.0.1:{port}"
    variables = {
        "CONNECTOR_DATA_DIR": str(data_dir),
        "CONNECTOR_PUBLIC_URL": url,
        "CONNECTOR_LOG_LEVEL": "WARNING",
        "CONNECTOR_ALLOW_HTTP_LOOPBACK": "true",
    }
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")} | variables
    command = [sys.executable, "-m", "connector", "serve", "--dev", "--port", str(port)]
    log = data_dir / "log"
    with log.open("wb") as output:  # a separate session: Ctrl-C only reaches the demo, which then ends the process
        process = subprocess.Popen(  # noqa: S603  our own command
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(process, url, log, stop)
        yield settings.load(None, variables, dev=True)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # no data are kept
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path, stop: Stop) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        stop.check()
        try:
            if requests.get(f"{url}/readyz", timeout=REQUEST_TIMEOUT).ok:
                return
        except requests.RequestException:  # the server does not listen yet
            time.sleep(LOOK_AGAIN)
    raise click.ClickException(f"The connector did not start. It said:\n{log.read_text(errors='replace').strip()}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _bold(text: str) -> str:
    return click.style(text, bold=True)
