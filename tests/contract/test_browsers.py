"""Headers for browsers: the allowed origins, and no caching of answers about people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.contract.wire import OPERATIONS, PROVIDERS, USERS, WEBHOOK, Operation, assert_error, new_provider, on_sqlite
from tests.harness import HTTP, Clock, ConnectorServer, World

APP, OTHER_APP = "https://app.example.com", "http://localhost:3000"
STRANGERS = (
    "https://evil.example.com",
    "https://app.example.com.evil.example",
    "https://sub.app.example.com",
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "null",
    "*",
    "",
)
ALLOW, EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"
KINDS = {
    "/healthz": 200,
    "/openapi.json": 200,
    "/docs/swagger-ui.css": 200,
    "/nowhere": 404,
    "/t/acme/nowhere": 404,
    f"{USERS}/me/idv/claims": 401,
    f"{USERS}/me/idv/claims/": 401,
    f"/t/acme{USERS}/ann%2Fb/idv/claims": 401,
    f"{PROVIDERS}/x/verifications.csv": 401,
}


@pytest.fixture(scope="module")
def site(new_settings: Callable[..., Settings]) -> Iterator[World]:
    """A connector whose callers have pages at two origins."""
    settings, clock = new_settings("sqlite", allowed_origins=(APP, OTHER_APP)), Clock()
    with Simulator() as simulator, ConnectorServer(settings, clock) as connector:
        world = World(connector, simulator, clock)
        world.provider_id = new_provider(world)
        yield world


def preflight(url: str, method: str, origin: str) -> requests.Response:
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,prefer",
    }
    return HTTP.options(url, headers={"Origin": origin} | asked, timeout=60, allow_redirects=False)


def listed(answer: requests.Response, header: str) -> set[str]:
    return {each.strip().lower() for each in answer.headers.get(header, "").split(",") if each.strip()}


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("form", ["{}", "{}/", "/t/acme{}"])
def test_preflight_of_every_operation_needs_no_token(site: World, operation: Operation, form: str) -> None:
    answer = preflight(site.connector.url + form.format(operation.path_for()), operation.method, APP)
    assert answer.ok
    assert answer.headers[ALLOW] == APP
    assert operation.method.lower() in listed(answer, "Access-Control-Allow-Methods")
    assert listed(answer, "Access-Control-Allow-Headers") == {
        "authorization",
        "content-type",
        "prefer",
        "x-correlation-id",
    }
    assert "origin" in listed(answer, "Vary")


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("origin", [APP, OTHER_APP])
def test_every_answer_is_readable_by_an_allowed_origin(site: World, path: str, origin: str) -> None:
    answer = HTTP.get(site.connector.url + path, headers={"Origin": origin}, timeout=60)
    assert answer.status_code == KINDS[path]
    assert answer.headers[ALLOW] == origin
    assert listed(answer, EXPOSE) == {"retry-after", "preference-applied", "x-correlation-id"}
    assert "origin" in listed(answer, "Vary")


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("origin", STRANGERS)
def test_no_answer_is_readable_by_another_origin(site: World, path: str, origin: str) -> None:
    for answer in (
        HTTP.get(site.connector.url + path, headers={"Origin": origin}, timeout=60),
        preflight(site.connector.url + path, "GET", origin),
    ):
        assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []
        assert "origin" in listed(answer, "Vary"), "no cache hands it to an origin that may"


def test_error_answers_are_readable_by_an_allowed_origin(site: World) -> None:
    admin, headers = site.connector.as_admin(), {"Origin": APP}
    ann = site.add_user("ann")
    url = site.connector.url
    answers = [
        (admin.get(f"{PROVIDERS}/nothing", headers=headers), 404),
        (admin.get(PROVIDERS, params={"limit": "x"}, headers=headers), 400),
        (admin.post(PROVIDERS, {}, headers=headers), 400),
        (ann.get(PROVIDERS, headers=headers), 403),
        (requests.patch(url + PROVIDERS, headers=headers, timeout=60), 405),
        (requests.post(url + WEBHOOK.format(provider_id="x"), b"x" * 2_000_000, headers=headers, timeout=60), 413),
        (admin.post(PROVIDERS, {"name": "x" * 70_000}, headers=headers), 413),
    ]
    for answer, status in answers:
        assert_error(answer, status)
        assert answer.headers[ALLOW] == APP


@on_sqlite
def test_no_origin_is_allowed_by_default(shared: World) -> None:
    url = f"{shared.connector.url}{USERS}/me/idv/verify"
    for answer in (preflight(url, "POST", APP), requests.post(url, headers={"Origin": APP}, timeout=60)):
        assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


@on_sqlite
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_answers_about_users_and_providers_must_not_be_cached(shared: World, operation: Operation) -> None:
    path = operation.path_for(shared.provider_id)
    for caller in (shared.connector.as_admin(), shared.connector.caller("x", ["internal_login"])):
        for each in (path, f"{path}/"):
            assert caller.request(operation.method, each, json={}).headers["Cache-Control"] == "no-store"
    unsigned = HTTP.request(operation.method, shared.connector.url + path, timeout=60)
    assert (unsigned.status_code, unsigned.headers["Cache-Control"]) == (401, "no-store")


@on_sqlite
def test_answers_of_webhooks_and_unknown_paths_must_not_be_cached(shared: World) -> None:
    for answer in (shared.post_event(b"{}"), shared.connector.as_admin().get("/nowhere")):
        assert answer.headers["Cache-Control"] == "no-store"
