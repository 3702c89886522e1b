"""The developer's example as in the repository: its server with a connector and a simulated Onfido."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from connector.access.development import mint_token
from tests import processes
from tests.cli.terminal import Terminal
from tests.harness import World
from tests.ports import free_port
from tests.waiting import wait_until

FOLDER = Path(__file__).parent.parent / "config" / "examples" / "web-app"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("example_web_app", FOLDER / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url(world: World) -> Iterator[str]:
    """The example, for a user of the world's provider."""
    world.add_user("ann")
    token = mint_token(world.connector.settings.data_dir, "ann", ["internal_login"], world.tenant)
    environ = {"IDV_URL": world.connector.url, "PROVIDER_ID": world.provider_id, "ACCESS_TOKEN": token}
    server = make_server("127.0.0.1", 0, load().create_app(environ), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def post(url: str, path: str) -> Any:
    answer = requests.post(url + path, timeout=60)
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.one_database
def test_a_user_is_verified_and_can_return_in_between(world: World, url: str) -> None:
    begun = post(url, "/start")
    assert begun["token"]
    assert begun["run"] == world.verifications("ann")[0].run_id
    world.clock.advance(5)
    again = post(url, "/start")
    assert (again["run"], bool(again["token"])) == (begun["run"], True)
    world.outcome(begun["run"])
    assert post(url, "/complete") == {
        "status": "approved",
        "claims": {"givenname": True, "lastname": True, "dob": True},
    }
    assert post(url, "/start") == {"done": True}


@pytest.mark.one_database
def test_the_page_allows_only_its_own_script_and_onfidos(url: str) -> None:
    page = requests.get(url, timeout=60)
    policy = page.headers["Content-Security-Policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert page.text.count(f'nonce="{nonce}"') == 2
    assert requests.get(url, timeout=60).headers["Content-Security-Policy"] != policy
    assert "https://sdk.onfido.com/v14" in page.text


@pytest.mark.one_database
def test_posts_of_other_sites_are_refused(url: str) -> None:
    answer = requests.post(f"{url}/start", headers={"Sec-Fetch-Site": "cross-site"}, timeout=60)
    assert answer.status_code == 403


@pytest.mark.one_database
def test_a_refusal_is_shown_in_words(world: World, url: str) -> None:
    answer = requests.post(f"{url}/complete", timeout=60)
    assert answer.status_code == 400
    assert "INITIATED first" in answer.json()["message"]


@pytest.mark.one_database
def test_the_commands_of_the_examples_readme_run_in_a_clean_directory(tmp_path: Path) -> None:
    """The demo's own lines are all that the application takes; it runs as a process of its own, with the stub."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "web-app", ignore=shutil.ignore_patterns("__pycache__")))
    with Terminal("demo") as demo:
        demo.expect("SDK_URL=/sdk-stub.js\n")
        [token] = re.findall(r"^ +TOKEN=(\S+)", demo.shown, re.MULTILINE)
        [onfido] = re.findall(r"Simulated Onfido +(\S+?)/\s", demo.shown)
        [line] = re.findall(r"^ +export (.*)$", demo.shown, re.MULTILINE)
        given = dict(each.split("=", 1) for each in line.replace("$TOKEN", token).split())
        with running(folder, given) as url:
            page = requests.get(url, timeout=60)
            assert 'src="/sdk-stub.js"' in page.text
            assert "script-src 'nonce-" in (policy := page.headers["Content-Security-Policy"])
            assert " 'self' https://*.onfido.com 'wasm-unsafe-eval'" in policy
            assert "window.Onfido" in requests.get(f"{url}/sdk-stub.js", timeout=60).text
            run_id = post(url, "/start")["run"]
            outcome = {"status": "approved", "comparisons": dict.fromkeys(("first_name", "last_name"), "clear")}
            answer = requests.post(f"{onfido}/simulator/runs/{run_id}/outcome", json=outcome, timeout=60)
            assert answer.ok, answer.text
            assert post(url, "/complete")["status"] == "approved"


@contextmanager
def running(folder: Path, given: dict[str, str]) -> Iterator[str]:
    """Run the application as its README says, on a free port."""
    port = free_port()
    environ = {**os.environ, **given, "PORT": str(port)}
    with processes.running([sys.executable, "app.py"], cwd=folder, env=environ, stderr=subprocess.DEVNULL):
        wait_until(lambda: is_listening(port))
        yield f"http://127.0.0.1:{port}"


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
