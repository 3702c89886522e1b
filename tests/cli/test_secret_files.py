"""Files of secrets that are removed or too open, and reloads while requests are in flight, under a real gunicorn."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from connector.private_file import create_private_file
from tests.api.test_auth import AuthIssuer
from tests.cli.conftest import Running
from tests.cli.test_reloading import CLAIMS, Site, ask, described
from tests.ports import free_port
from tests.waiting import wait_until

VARIABLES = {"CONNECTOR_LOG_FORMAT": "json"}
Start = Callable[..., Running]


def with_secret(issuer: AuthIssuer, secret: Path) -> str:
    directory = f'kind = "scim"\nurl = "https://scim.example"\nbearer_token = "file:{secret}"\n'
    return f'{described(issuer)}[[tenants]]\nname = "x"\n[tenants.directory]\n{directory}'


def begin(data_dir: Path, start: Start, settings: str, workers: int = 1) -> tuple[Site, Running]:
    config, log = data_dir.parent / "settings.toml", data_dir.parent / "log"
    config.write_text(settings)
    variables = VARIABLES | {"CONNECTOR_DATA_DIR": str(data_dir), "CONNECTOR_WORKERS": str(workers)}
    running = start("--config", str(config), "serve", ready="/readyz", log=log, **variables)
    wait_until(lambda: len(running.children()) == workers)
    return Site(running.process, running.url, config, log), running


def warnings(site: Site) -> list[str] | None:
    """Return the readiness report of a process; None while no process answers."""
    try:
        answer = requests.get(f"{site.url}/readyz", timeout=60)
    except requests.ConnectionError:
        return None
    found: list[str] = answer.json().get("warnings", [])
    return found if answer.ok else None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_new_process_still_has_the_secret_of_a_removed_file(
    tmp_path: Path, data_dir: Path, start: Start, issuers: tuple[AuthIssuer, AuthIssuer], workers: int
) -> None:
    secret = tmp_path / "secret"
    create_private_file(secret, b"secret of the directory")
    settings = with_secret(issuers[0], secret)
    site, running = begin(data_dir, start, settings, workers)
    assert warnings(site) == []

    secret.unlink()
    killed = running.children()[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(set(running.children()) - {killed}) == workers)
    wait_until(lambda: warnings(site) is not None)
    assert ask(site, "carbon.super", issuers[0].mint()).status_code == 404
    assert site.wait_for_event("settings.secret_file_missing", 1)["path"] == str(secret)
    [warning] = warnings(site) or [""]
    assert ("secret file cannot be read" in warning, str(secret) in warning) == (True, False)

    site.write(f"threads = 3\n{settings}")
    refused = site.wait_for_event("settings.refused", 1)["reason"]
    assert f"The secret file {secret} cannot be read (No such file or directory): put it back" in refused
    assert ask(site, "carbon.super", issuers[0].mint()).status_code == 404

    create_private_file(secret, b"another secret of the directory")
    site.write(f"threads = 4\n{settings}")
    site.wait_for_event("settings.changed", 1)
    wait_until(lambda: warnings(site) == [])
    assert running.stop() == 0
    assert "of the directory" not in site.log.read_text()


def test_a_secret_file_that_the_group_may_read_is_named_in_the_log(
    tmp_path: Path, data_dir: Path, start: Start, issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    secret = tmp_path / "secret"
    create_private_file(secret, b"secret")
    secret.chmod(0o640)
    site, running = begin(data_dir, start, with_secret(issuers[0], secret))
    entry = site.wait_for_event("settings.secret_file_open", 1)
    assert (entry["path"], f"chmod g-rwx {secret}" in entry["advice"]) == (str(secret), True)
    assert running.stop() == 0
    assert len(site.logged("settings.secret_file_open")) == 1


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_a_world_accessible_secret_file_is_refused(
    tmp_path: Path,
    data_dir: Path,
    spawn: Callable[..., subprocess.Popen[str]],
    issuers: tuple[AuthIssuer, AuthIssuer],
    mode: int,
    command: str,
) -> None:
    config, log, secret = tmp_path / "settings.toml", tmp_path / "log", tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(mode)
    config.write_text(with_secret(issuers[0], secret))
    process = spawn("--config", str(config), command, log=log, CONNECTOR_DATA_DIR=str(data_dir))
    assert process.wait(timeout=100) == 1
    assert f"chmod o-rwx {secret}" in log.read_text()


@pytest.mark.timeout(300)
def test_hangup_signals_fail_no_request_in_flight_and_reach_every_process(
    data_dir: Path, start: Start, issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    ours, theirs = issuers
    site, running = begin(data_dir, start, described(ours), 3)
    first, statuses, is_over = set(running.children()), Counter[int](), threading.Event()

    def call() -> None:
        while not is_over.is_set():
            try:
                statuses[read_slowly(site, ours.mint())] += 1
            except OSError:
                statuses[0] += 1

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    for number in (1, 2, 3):
        site.write(f"threads = {number + 1}\n{described(ours, ('acme', theirs))}")
        site.wait_for_event("settings.changed", number)
    wait_until(lambda: len(running.children()) == 3 and not first & set(running.children()))
    is_over.set()
    for caller in callers:
        caller.join()
    assert set(statuses) == {404}
    assert statuses[404] > 10
    assert {ask(site, "acme", theirs.mint()).status_code for _ in range(20)} == {404}  # whichever process answers
    assert running.stop() == 0


def read_slowly(site: Site, token: str) -> int:
    """Send a request in two pieces, for a user who does not exist, and return the answer's status."""
    head = f"GET {CLAIMS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    host, _, port = site.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        sock.sendall(head[:20])
        time.sleep(0.3)
        sock.sendall(head[20:])
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    return int(answer.split(b" ", 2)[1])


def test_a_worker_reports_a_missing_secret_file_and_continues(
    tmp_path: Path, data_dir: Path, spawn: Callable[..., subprocess.Popen[str]], issuers: tuple[AuthIssuer, AuthIssuer]
) -> None:
    config, log, secret, port = tmp_path / "settings.toml", tmp_path / "log", tmp_path / "secret", free_port()
    create_private_file(secret, b"secret")
    config.write_text(with_secret(issuers[0], secret))
    variables = VARIABLES | {"CONNECTOR_DATA_DIR": str(data_dir)}
    process = spawn("--config", str(config), "worker", "--port", str(port), log=log, **variables)
    site = Site(process, f"http://127.0.0.1:{port}", config, log)
    wait_until(lambda: warnings(site) == [])
    secret.unlink()
    wait_until(lambda: warnings(site) not in (None, []))
    process.send_signal(signal.SIGHUP)
    assert str(secret) in site.wait_for_event("settings.refused", 1)["reason"]
    assert warnings(site) not in (None, [])
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) == 0
