"""The developer's example, as it is in the repository: its server against a connector and a simulated Onfido."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from connector.access.development import mint_token
from tests.harness import World

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
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
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
def test_a_user_is_verified_and_can_come_back_in_between(world: World, url: str) -> None:
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
def test_the_page_allows_its_own_script_and_onfidos_alone(url: str) -> None:
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
def test_a_refusal_is_passed_on_in_words(world: World, url: str) -> None:
    answer = requests.post(f"{url}/complete", timeout=60)
    assert answer.status_code == 400
    assert "INITIATED first" in answer.json()["message"]
