"""On SIGHUP, running processes read the settings again: valid ones take effect, faulty ones are refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests
from structlog.testing import capture_logs

from connector.bootstrap import create_services
from connector.process.reloading import read_again
from connector.settings import Settings
from connector.worker import Worker
from tests.api.test_auth import AUDIENCE, AuthIssuer
from tests.cli.conftest import Running, Spawn
from tests.patience import patient_settings
from tests.ports import free_port
from tests.waiting import GENEROUS, wait_for_answer, wait_until

PATIENCE = 120.0  # seconds
HANGUPS = 40
CLAIMS = "/api/users/v1/me/idv/claims"
FAULTS = {
    "no TOML": ("[[tenants", "must be TOML"),
    "an unknown name": ("tenant = 1", "There is no setting tenant"),
    "a value that is not allowed": ("threads = 0", "threads must be from 1 to 1024"),
    "a secret that is not there": (
        '[[tenants]]\nname = "x"\n[tenants.directory]\nkind = "scim"\nurl = "https://scim.example"\n'
        'bearer_token = "env:NOT_SET"',
        "The secret env:NOT_SET is empty",
    ),
    "a dialect that is not there": (
        '[[tenants]]\nname = "x"\n[tenants.directory]\nkind = "userinfo"\nurl = "https://op.example/userinfo"\n'
        'dialect = "/nowhere.toml"',
        "/nowhere.toml",
    ),
    "certificates that are not there": ('notice_ca_file = "/nowhere.pem"', "The CA file /nowhere.pem cannot be read"),
    "a path that no system takes": ('notice_ca_file = "/a\\u0000b"', "must not contain control characters"),
    "a number that Python does not read": (f"threads = {'9' * 5000}", "must be TOML"),
}


@dataclass
class Site:
    """A running process, its settings file and its log."""

    process: subprocess.Popen[str]
    url: str
    config: Path
    log: Path

    def write(self, text: str) -> None:
        self.config.write_text(text)
        self.process.send_signal(signal.SIGHUP)

    def logged(self, event: str) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        return [entry for entry in entries if entry["event"] == event]

    def wait_for_event(self, event: str, number: int) -> dict[str, Any]:
        """Wait until the log has this number of such lines; return the last one."""
        wait_until(lambda: len(self.logged(event)) >= number)
        return self.logged(event)[number - 1]


def described(ours: AuthIssuer, *tenants: tuple[str, AuthIssuer]) -> str:
    """Return settings with one issuer for each tenant."""
    flat = f'[[issuers]]\nissuer = "{ours.identifier}"\naudience = "{AUDIENCE}"\n'
    return flat + "".join(
        f'[[tenants]]\nname = "{name}"\nallowed_origins = ["https://{name}.example"]\n'
        f'[[tenants.issuers]]\nissuer = "{issuer.identifier}"\naudience = "{AUDIENCE}"\n'
        for name, issuer in tenants
    )


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, start: Callable[..., Running], issuers: tuple[AuthIssuer, AuthIssuer]
) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("serve")
    config, log = path / "settings.toml", path / "log"
    config.write_text(described(issuers[0]))
    variables = {"CONNECTOR_DATA_DIR": str(path / "data"), "CONNECTOR_LOG_FORMAT": "json"}
    running = start("--config", str(config), "serve", ready="/readyz", log=log, **variables)
    yield Site(running.process, running.url, config, log)
    assert running.stop() == 0


def ask(server: Site, tenant: str, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", "Origin": f"https://{tenant}.example"}
    return requests.get(f"{server.url}/t/{tenant}{CLAIMS}", headers=headers, timeout=60)


def test_the_server_accepts_an_added_tenant_and_refuses_a_removed_one(
    server: Site, issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    ours, theirs = issuers
    assert ask(server, "acme", theirs.mint()).status_code == 401

    server.write(described(ours, ("acme", theirs)))
    # The token is good; there is no user alice.
    wait_until(lambda: ask(server, "acme", theirs.mint()).status_code == 404)
    assert ask(server, "acme", theirs.mint()).headers["Access-Control-Allow-Origin"] == "https://acme.example"
    assert server.wait_for_event("settings.changed", 1)["names"] == ["tenants"]

    server.write(described(ours))
    wait_until(lambda: ask(server, "acme", theirs.mint()).status_code == 401)
    assert "Access-Control-Allow-Origin" not in ask(server, "acme", theirs.mint()).headers


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
def test_the_server_refuses_faulty_settings_and_keeps_the_current_ones(
    server: Site, issuers: tuple[AuthIssuer, AuthIssuer], fault: str, reason: str
) -> None:
    ours, theirs = issuers
    before = len(server.logged("settings.refused"))

    settings = described(ours, ("acme", theirs))
    server.write(f"{settings}\n{fault}" if "[" in fault else f"{fault}\n{settings}")  # no value may follow a table
    assert reason in server.wait_for_event("settings.refused", before + 1)["reason"]
    assert ask(server, "acme", theirs.mint()).status_code == 401
    assert ask(server, "carbon.super", ours.mint()).status_code == 404


def test_the_server_names_the_settings_that_need_a_restart(
    server: Site, issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    server.write(f'public_url = "https://idv.example"\nworkers = 7\nhost = "127.0.0.9"\n{described(issuers[0])}')
    assert server.wait_for_event("settings.restart_needed", 1)["names"] == ["host", "workers"]
    assert requests.get(f"{server.url}/readyz", timeout=60).ok


def test_many_hangup_signals_fail_no_request_and_cause_few_reloads(
    server: Site, issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    before, statuses, is_over = len(server.logged("settings.changed")), Counter[int](), threading.Event()
    server.write(described(issuers[0]))
    server.wait_for_event("settings.changed", before + 1)

    def call() -> None:
        while not is_over.is_set():
            try:
                statuses[ask(server, "carbon.super", issuers[0].mint()).status_code] += 1
            except requests.RequestException:
                statuses[0] += 1

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    for number in range(2, 4):
        for _ in range(HANGUPS):  # without a pause, in which a reload could end
            server.process.send_signal(signal.SIGHUP)
        server.wait_for_event("settings.changed", before + number)
    is_over.set()
    for caller in callers:
        caller.join()
    assert set(statuses) == {404}
    assert len(server.logged("settings.changed")) < before + HANGUPS


def test_the_server_keeps_its_processes_if_another_cannot_start(
    tmp_path: Path, data_dir: Path, start: Callable[..., Running], issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    config, log, certificates = tmp_path / "settings.toml", tmp_path / "log", tmp_path / "ca.pem"
    content = Path(certifi.where()).read_bytes()
    certificates.write_bytes(content)
    config.write_text(f'notice_ca_file = "{certificates}"\n{described(issuers[0])}')
    variables = {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_LOG_FORMAT": "json"}
    running = start("--config", str(config), "serve", ready="/readyz", log=log, CONNECTOR_WORKERS="2", **variables)
    site = Site(running.process, running.url, config, log)
    wait_until(lambda: len(running.children()) == 2)

    certificates.unlink()
    os.kill(running.children()[0], signal.SIGKILL)
    site.wait_for_event("server.worker_not_started", 1)
    assert ask(site, "carbon.super", issuers[0].mint()).status_code == 404

    certificates.write_bytes(content)
    wait_until(lambda: len(running.children()) == 2)
    assert running.stop() == 0


def test_an_unexpected_error_is_reported_without_its_text() -> None:
    def read() -> Settings:
        raise LookupError("a value")

    with capture_logs() as logs:
        assert read_again(Settings(), read, lambda settings: settings) is None
    assert [(entry["event"], "LookupError" in entry["reason"]) for entry in logs] == [("settings.refused", True)]
    assert "a value" not in str(logs)


def start_worker(path: Path, spawn: Spawn) -> Site:
    """Start a worker with a file of settings, and wait until it is ready."""
    config, log, port = path / "settings.toml", path / "log", free_port()
    config.write_text("worker_threads = 2\n")
    variables = {"CONNECTOR_DATA_DIR": str(path / "data"), "CONNECTOR_LOG_FORMAT": "json"}
    process = spawn("--config", str(config), "worker", "--port", str(port), log=log, **variables)
    url = f"http://127.0.0.1:{port}"
    wait_for_answer(f"{url}/readyz", process)
    return Site(process, url, config, log)


def stop(worker: Site) -> None:
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=GENEROUS) == 0


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, spawn: Spawn) -> Iterator[Site]:
    running = start_worker(tmp_path_factory.mktemp("worker"), spawn)
    yield running
    stop(running)


def threads(worker: Site) -> int:
    return len(list(Path(f"/proc/{worker.process.pid}/task").iterdir()))


def test_a_worker_uses_the_new_settings(worker: Site) -> None:
    few = threads(worker)

    worker.write("worker_threads = 30\n")
    assert worker.wait_for_event("settings.changed", 1)["names"] == ["worker_threads"]
    wait_until(lambda: threads(worker) >= few + 20)

    worker.write("worker_threads = 2\n")
    wait_until(lambda: threads(worker) < few + 20)
    assert requests.get(f"{worker.url}/readyz", timeout=60).ok


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
def test_the_worker_refuses_faulty_settings_and_keeps_the_current_ones(worker: Site, fault: str, reason: str) -> None:
    few, before = threads(worker), len(worker.logged("settings.refused"))

    worker.write(f"worker_threads = 40\n{fault}\n")
    assert reason in worker.wait_for_event("settings.refused", before + 1)["reason"]
    assert threads(worker) < few + 20
    assert requests.get(f"{worker.url}/readyz", timeout=60).ok


def test_signals_that_arrive_before_the_worker_waits_for_them_are_obeyed(data_dir: Path, spawn: Spawn) -> None:
    process = spawn("worker", CONNECTOR_DATA_DIR=str(data_dir))
    wait_until(lambda: is_blocked(process.pid, signal.SIGTERM))
    for number in (signal.SIGHUP, signal.SIGTERM):
        process.send_signal(number)
    assert process.wait(timeout=GENEROUS) == 0


def is_blocked(pid: int, number: int) -> bool:
    """Whether the main thread of a process has blocked a signal."""
    [mask] = re.findall(r"SigBlk:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) & 1 << number - 1)


def test_a_probe_that_comes_while_the_former_settings_end_is_answered(data_dir: Path) -> None:
    settings = patient_settings(data_dir, f"sqlite:///{data_dir / 'connector.db'}")
    former = create_services(settings)
    changing, close, problems = Worker(former), former.close, list[str | None]()

    def close_and_probe() -> None:
        close()
        problems.append(changing.problem())

    former.close = close_and_probe  # type: ignore[method-assign]  # a probe comes at this very moment
    changing.change(partial(replace, settings, worker_threads=3))
    changing.stop()
    assert problems == [None]


def test_a_worker_stops_while_reloads_are_pending(tmp_path: Path, spawn: Spawn) -> None:
    worker = start_worker(tmp_path, spawn)
    for _ in range(HANGUPS):
        worker.process.send_signal(signal.SIGHUP)
    stop(worker)
    assert len(worker.logged("settings.changed")) < HANGUPS
