"""Rules for every page and action of the console, read from its routes, so that later ones are included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
import requests

from connector.access.gate import REQUIRED_SCOPE
from connector.console.viewer import POLLED
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.pages import applications
from tests.bodies import API_TOKEN, config_properties, provider_body
from tests.harness import HTTP, World
from tests.oidc.relying_party import register
from tests.values import VALUES

WEBHOOK_TOKEN = "planted-webhook-token"
OPEN = re.compile(r"console\.(sign_in|link)\.|console\.(show_nothing|show_first)$")
EVENTS = "/api/server/v1/events"
SCOPES = (
    *(f"internal_idvp_{name}" for name in ("view", "add", "update", "delete")),
    *(f"internal_idv_claim_{name}" for name in ("verify", "view", "add", "update", "delete")),
    *("internal_idv_audit_view", "internal_idv_operate", "internal_idv_verified_claims_view"),
)


@dataclass(frozen=True)
class Route:
    endpoint: str
    method: str
    path: str
    scope: str | None


@pytest.fixture
def planted(world: World) -> Mapping[str, str]:
    """A tenant with a provider, a user, a verification and its event, each with its id by the routes' names."""
    body = provider_body(world.simulator, name="Planted provider", description="planted description")
    body["configProperties"] = config_properties(world.simulator, webhook_token=WEBHOOK_TOKEN)
    answer = world.connector.as_admin().post("/api/server/v1/idv-providers", body)
    assert answer.status_code == 201, answer.text
    run_id = world.start(world.add_user("planted-user"))
    world.outcome(run_id, status="review")
    [verification] = world.verifications("planted-user")
    ids = {
        "provider_id": world.provider_id,
        "user_id": "planted-user",
        "run_id": run_id,
        "verification_id": verification.verification_id,
        "applicant_id": verification.applicant_id or "",
        "client_id": register(world, name="Planted provider").client_id,
    }
    return ids | {"session_id": plant_session(world)} | plant_others(world, run_id)


def plant_session(world: World) -> str:
    sign_in(world).close()
    [session] = world.connector.services.console_sessions.search(Tenant(DEFAULT_TENANT), limit=2).rows
    return session.session_id


def plant_others(world: World, run_id: str) -> dict[str, str]:
    """Return the ids of a job, an endpoint, a claim, a picture, an event, and a delivery."""
    admin = world.connector.as_admin()
    endpoint = {"url": f"{world.simulator.url}/nowhere", "events": ["verification.finished"]}
    pictures = f"/api/server/v1/idv-providers/{world.provider_id}/verifications/{run_id}/pictures"
    world.wait_until(lambda: bool(admin.get(EVENTS).json()["events"]))
    return {
        "job_id": admin.post("/api/server/v1/jobs/verifications-csv", {}).json()["id"],
        "endpoint_id": admin.post("/api/server/v1/notice-endpoints", endpoint).json()["id"],
        "claim_id": admin.get("/api/users/v1/planted-user/idv/claims").json()[0]["id"],
        "picture_id": admin.get(pictures).json()[0]["id"],
        "event_id": admin.get(EVENTS).json()["events"][0]["id"],
        "delivery_id": admin.get("/api/server/v1/deliveries").json()["deliveries"][0]["id"],
    }


def routes(world: World, ids: Mapping[str, str]) -> Iterator[Route]:
    """Return every route of the console, its parameters filled in."""
    _, pages = applications(world.connector.app)
    views = pages.view_functions
    for rule in pages.url_map.iter_rules():
        if rule.endpoint.startswith("console.") and not OPEN.match(rule.endpoint):
            path = re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda name: ids.get(name[1], "none"), rule.rule)
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                yield Route(rule.endpoint, method, path, getattr(views[rule.endpoint], REQUIRED_SCOPE))


def sign_in(world: World, tenant: str = DEFAULT_TENANT, scopes: tuple[str, ...] = SCOPES) -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False
    prefix = "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
    secret = world.connector.services.console_sessions.make_link(Tenant(tenant), "somebody", scopes)
    url = f"{world.connector.url}{prefix}/console/link/{secret}"
    assert browser.get(url, timeout=60, allow_redirects=False).status_code == 302
    return browser


def test_an_unauthenticated_person_sees_no_page(world: World, planted: Mapping[str, str]) -> None:
    for each in routes(world, planted):
        answer = HTTP.request(each.method, world.connector.url + each.path, timeout=60, allow_redirects=False)
        expected = 302 if each.method == "GET" else 401
        assert (answer.status_code, each) == (expected, each)
        assert "sign-in" in answer.headers.get("Location", "sign-in")


@pytest.mark.one_database
def test_a_person_without_the_scope_sees_only_the_scopes_name(world: World, planted: Mapping[str, str]) -> None:
    browser = sign_in(world, scopes=())
    for each in routes(world, planted):
        if each.method == "GET" and each.scope is not None:
            answer = browser.get(world.connector.url + each.path, timeout=60, allow_redirects=False)
            assert (answer.status_code, each) == (403, each)
            assert re.search(r"internal_\w+", answer.text), each


@pytest.mark.one_database
def test_a_post_without_the_forms_token_has_no_effect(world: World, planted: Mapping[str, str]) -> None:
    browser = sign_in(world)
    for each in routes(world, planted):
        if each.method == "POST":
            answer = browser.post(world.connector.url + each.path, timeout=60, allow_redirects=False)
            assert (answer.status_code, each) == (400, each)
            assert "Nothing was done" in answer.text, each


def test_the_administrator_of_another_tenant_sees_no_data(world: World, planted: Mapping[str, str]) -> None:
    browser = sign_in(world, "other")
    marks = {*planted.values(), "Planted provider", "planted description", *VALUES.values()} - {"none", ""}
    for each in routes(world, planted):
        if each.method == "GET" and not each.endpoint.startswith("console.sample."):
            url = f"{world.connector.url}/t/other{each.path}"
            answer = browser.get(url, timeout=60, allow_redirects=False)
            assert answer.status_code in (200, 302, 400, 403, 404), (answer.status_code, each)
            seen = [mark for mark in marks if mark in answer.text and mark not in each.path]
            assert (seen, each) == ([], each)


@pytest.mark.one_database
def test_an_open_page_that_refreshes_itself_keeps_no_session_from_being_idle(
    world: World, planted: Mapping[str, str]
) -> None:
    """The page may be open at a computer that its user has left."""
    browser, (_, pages) = sign_in(world), applications(world.connector.app)
    for each in routes(world, planted):
        if each.method == "GET":
            answer = browser.get(world.connector.url + each.path, timeout=60, allow_redirects=False)
            is_polled = getattr(pages.view_functions[each.endpoint], POLLED, False)
            assert answer.status_code >= 400 or is_polled is ("ETag" in answer.headers), each
    for _ in range(4):
        world.clock.advance(500)
        answer = browser.get(f"{world.connector.url}/console/home/needs", headers={"HX-Request": "true"}, timeout=60)
    assert answer.status_code == 401


def test_every_page_answers_and_holds_no_secret(world: World, planted: Mapping[str, str]) -> None:
    browser = sign_in(world)
    for each in routes(world, planted):
        if each.method == "GET" and not each.endpoint.startswith("console.sample."):
            answer = browser.get(world.connector.url + each.path, timeout=60, allow_redirects=False)
            assert answer.status_code < 500, (answer.status_code, each)
            assert API_TOKEN not in answer.text, each
            assert WEBHOOK_TOKEN not in answer.text, each
            assert answer.headers["Cache-Control"] == "no-store", each
            assert "'unsafe" not in answer.headers["Content-Security-Policy"], each
