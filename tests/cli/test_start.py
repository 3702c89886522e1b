"""Starting and stopping, at a terminal and under a supervisor."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import Result

from connector.store.engine import Database
from tests import databases, processes
from tests.cli.terminal import CTRL_C, Terminal
from tests.ports import free_port
from tests.waiting import GENEROUS

Run = Callable[..., Result]
Start = Callable[..., Any]
Spawn = Callable[..., subprocess.Popen[str]]
KEY = base64.b64encode(bytes(32)).decode()
ISSUERS = json.dumps(
    [{"issuer": "https://idp.example.com", "audience": "connector", "jwks_uri": "https://localhost:9/"}]
)
NOWHERE = "/proc/none"  # where not even root can create a file
NO_DATA_DIR = {"CONNECTOR_DATA_DIR": ""}


def said(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends, and return its output."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "ONFIDO_"))}
    command = [sys.executable, "-m", "connector", *arguments]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    with processes.running(command, env=environ | variables, **options) as process:
        shown, errors = process.communicate(timeout=GENEROUS)
        return subprocess.CompletedProcess(command, process.returncode, shown, errors)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which a server listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class TestServing:
    def test_serve_on_a_terminal_prints_its_address_and_missing_settings(self, data_dir: Path) -> None:
        port = free_port()
        with Terminal("serve", "--dev", "--port", str(port), CONNECTOR_DATA_DIR=str(data_dir)) as terminal:
            terminal.expect("Ctrl-C stops it.")
            shown = terminal.shown
            terminal.press(CTRL_C)
            assert terminal.status() == 0
            assert "Traceback" not in terminal.shown
        for words in (
            f"Listens on   http://127.0.0.1:{port}\n",
            "Public URL   http://127.0.0.1:8080\n",
            f"API          http://127.0.0.1:{port}/docs/\n",
            "For development only",
            "Missing      No provider is registered: `connector provider add`.",
        ):
            assert words in shown
        assert "{" not in shown, "no log in JSON"
        assert "https" not in shown, "http to loopback is accepted for development"

    def test_a_second_signal_does_not_interrupt_the_shutdown_of_a_worker(
        self, start: Start, tmp_path: Path, data_dir: Path
    ) -> None:
        """A key that is held down sends several."""
        log = tmp_path / "log"
        variables = {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_ISSUERS": ISSUERS}
        running = start("serve", ready="/readyz", log=log, **variables)
        [worker] = running.children()
        with suppress(ProcessLookupError):
            while worker in running.children():
                for number in (signal.SIGQUIT, signal.SIGINT, signal.SIGTERM):
                    os.kill(worker, number)
        assert running.stop() == 0
        assert "Traceback" not in log.read_text()

    def test_serve_without_a_terminal_logs_json(self, start: Start, tmp_path: Path, data_dir: Path) -> None:
        log = tmp_path / "log"
        variables = {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_ISSUERS": ISSUERS}
        variables |= {"CONNECTOR_PUBLIC_URL": "http://idv.example.com", "CONNECTOR_WORKER_IN_SERVER": "never"}
        running = start("serve", ready="/readyz", log=log, **variables)
        assert running.stop() == 0
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        [listening] = [entry for entry in entries if entry["event"] == "serve.listening"]
        assert (listening["url"], listening["public_url"]) == (running.url, "http://idv.example.com")
        assert listening["documentation"] == f"{running.url}/docs/"
        missing = [entry["what"] for entry in entries if entry["event"] == "serve.setup_missing"]
        public_url, provider, worker = missing
        assert "`public_url` is http://idv.example.com: Onfido posts events only to https addresses" in public_url
        assert "connector provider add" in provider
        assert "connector worker" in worker

    def test_serve_listens_on_an_ipv6_address(self, data_dir: Path, spawn: Spawn) -> None:
        if not socket.has_ipv6:
            pytest.skip("this machine has no such addresses")
        port = free_port()
        arguments = ("serve", "--dev", "--host", "::1", "--port", str(port))
        with Terminal(*arguments, CONNECTOR_DATA_DIR=str(data_dir)) as terminal:
            terminal.expect("Ctrl-C stops it.")
            assert f"http://[::1]:{port}" in terminal.shown
            assert requests.get(f"http://[::1]:{port}/healthz", timeout=60).ok


class TestPorts:
    @pytest.mark.parametrize(
        ("command", "advice"),
        [
            (("serve", "--dev"), "Set `port` and `host` (CONNECTOR_PORT, CONNECTOR_HOST), or use --port and --host."),
            (("simulate",), "Choose another with --port and --host."),
            (("worker",), "Set `worker_port` (CONNECTOR_WORKER_PORT), or use --port; with 0 no port is opened."),
        ],
    )
    def test_a_port_in_use_is_reported_with_advice(
        self, data_dir: Path, taken_port: int, command: tuple[str, ...], advice: str
    ) -> None:
        result = said(*command, "--port", str(taken_port), CONNECTOR_DATA_DIR=str(data_dir))
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"Error: Port {taken_port} of 127.0.0.1 is in use. {advice}\n"

    @pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "2001:db8::1"])
    def test_an_address_of_another_machine_is_refused(self, data_dir: Path, host: str) -> None:
        result = said("serve", "--dev", "--force-dev", "--host", host, CONNECTOR_DATA_DIR=str(data_dir))
        assert result.returncode == 1
        [line] = result.stderr.splitlines()
        assert f"Port 8080 of {host} cannot be bound" in line
        assert "--host" in line


METRICS_TOKEN = "scraper-of-the-tests"


class TestWorker:
    def test_the_worker_serves_health_and_metrics(self, data_dir: Path, start: Start) -> None:
        url = f"sqlite:///{data_dir / 'connector.db'}"
        running = start("worker", ready="/readyz", CONNECTOR_DATA_DIR=str(data_dir), CONNECTOR_DATABASE_URL=url)
        answers = {
            path: requests.get(running.url + path, timeout=60) for path in ("/healthz", "/readyz/", "/metrics?x")
        }
        assert [answer.status_code for answer in answers.values()] == [200] * 3
        assert (answers["/healthz"].json(), answers["/readyz/"].json()) == ({"status": "alive"}, {"status": "ready"})
        assert "connector_runs_total" in answers["/metrics?x"].text
        assert "connector_outbox_rows" in answers["/metrics?x"].text
        assert requests.get(running.url + "/docs", timeout=60).status_code == 404
        assert requests.post(running.url + "/healthz", timeout=60).status_code == 501
        database = Database(url)
        with databases.of_another_version(database):
            answer = requests.get(running.url + "/readyz", timeout=60)
            assert (answer.status_code, "connector migrate" in answer.json()["description"]) == (503, True)
        database.close()
        assert running.stop() == 0

    def test_the_workers_metrics_require_the_configured_token(self, data_dir: Path, start: Start) -> None:
        variables = {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_METRICS_TOKEN": METRICS_TOKEN}
        running = start("worker", ready="/readyz", **variables)
        for authorization, status in ((None, 401), ("Bearer x", 401), (f"Bearer {METRICS_TOKEN}", 200)):
            headers = {"Authorization": authorization} if authorization else {}
            for path in ("/metrics", "/metrics/", "/metrics?x"):
                assert requests.get(running.url + path, headers=headers, timeout=60).status_code == status
        assert requests.get(running.url + "/healthz", timeout=60).status_code == 200
        assert running.stop() == 0

    def test_a_disconnected_or_idle_client_does_not_affect_others(
        self, tmp_path: Path, data_dir: Path, start: Start
    ) -> None:
        log = tmp_path / "log"
        running = start("worker", ready="/healthz", log=log, CONNECTOR_DATA_DIR=str(data_dir))
        address = ("127.0.0.1", int(running.url.rpartition(":")[2]))
        with socket.create_connection(address) as silent:
            for request in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"GET /"):
                with socket.create_connection(address) as gone:
                    gone.sendall(request)
            assert requests.head(running.url + "/healthz", timeout=60).status_code == 200
            silent.sendall(b"GET")
            assert running.stop() == 0
        assert all(json.loads(line)["level"] == "info" for line in log.read_text().splitlines())


class TestUnwritableHome:
    @pytest.fixture
    def variables(self, tmp_path: Path) -> dict[str, str]:
        return {
            "HOME": NOWHERE,
            "XDG_DATA_HOME": NOWHERE,
            "CONNECTOR_DATABASE_URL": f"sqlite:///{tmp_path / 'connector.db'}",
            "CONNECTOR_ENCRYPTION_KEYS": KEY,
            "CONNECTOR_ISSUERS": ISSUERS,
        }

    @pytest.mark.parametrize("home", [{}, {"XDG_DATA_HOME": ""}, {"CONNECTOR_DATA_DIR": "~no-such-user/connector"}])
    def test_the_command_line_needs_no_home_if_database_and_keys_are_set(
        self, run: Run, variables: dict[str, str], home: dict[str, str]
    ) -> None:
        assert run("user", "add", "ann", **NO_DATA_DIR | variables | home).stdout == "Added ann.\n"
        assert run("rotate-keys", **NO_DATA_DIR | variables | home).exit_code == 0

    def test_several_server_processes_need_no_home(self, variables: dict[str, str], start: Start) -> None:
        running = start(
            "serve", ready="/readyz", CONNECTOR_WORKERS="2", CONNECTOR_METRICS_TOKEN=METRICS_TOKEN, **variables
        )
        scraper = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        metrics = requests.get(f"{running.url}/metrics", headers=scraper, timeout=60)
        assert "connector_request_seconds" in metrics.text
        assert running.stop() == 0

    @pytest.mark.parametrize("needed", ["CONNECTOR_DATABASE_URL", "CONNECTOR_ENCRYPTION_KEYS"])
    @pytest.mark.parametrize("data_dir", [f"{NOWHERE}/data", "~no-such-user/connector"])
    def test_a_command_that_needs_the_data_directory_reports_its_absence(
        self, run: Run, variables: dict[str, str], needed: str, data_dir: str
    ) -> None:
        del variables[needed]
        result = run("user", "list", CONNECTOR_DATA_DIR=data_dir, **variables)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"`data_dir` {data_dir} " in result.stderr


class TestDemo:
    def test_the_demo_ends_silently_at_the_first_ctrl_c(self) -> None:
        with Terminal("demo") as terminal:
            terminal.expect("It runs until you press Ctrl-C")
            terminal.expect("in place of INITIATED.\n")
            before = terminal.shown
            for _ in range(3):
                terminal.press(CTRL_C)
            assert terminal.status() == 0
            assert terminal.shown.removeprefix(before).replace("^C", "").strip() == ""
        with pytest.raises(requests.ConnectionError):
            requests.get(before.split("API documentation")[1].split()[0], timeout=60)

    @pytest.mark.parametrize("shown", ["The console:", "1. The administrator", "3. The user directory"])
    def test_the_demo_can_be_interrupted_in_the_middle(self, shown: str) -> None:
        with Terminal("demo") as terminal:
            terminal.expect(shown)
            terminal.press(CTRL_C)
            assert terminal.status() == 0
            assert "Traceback" not in terminal.shown
            assert "Error" not in terminal.shown

    def test_the_demo_prints_on_a_terminal_with_a_limited_character_set(self) -> None:
        result = said("demo", "--once", PYTHONIOENCODING="latin-1")
        assert (result.returncode, result.stderr) == (0, "")


def test_names_that_a_terminal_cannot_display_fail_no_command(data_dir: Path) -> None:
    variables = {"CONNECTOR_DATA_DIR": str(data_dir)}
    assert said("user", "add", "ann", "-a", "x=王小明 Zoë", **variables).returncode == 0
    shown = said("user", "show", "ann", PYTHONIOENCODING="latin-1:strict", **variables)
    assert shown.returncode == 0
    assert "???" in shown.stdout
    machine = said("user", "show", "ann", "--json", PYTHONIOENCODING="latin-1:strict", **variables)
    assert json.loads(machine.stdout)["attributes"] == {"x": "王小明 Zoë"}
