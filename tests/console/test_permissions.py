"""Permissions of every page and action, read from the console's routes: by scope, and by tenant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from urllib.parse import urljoin

import pytest
import requests

from connector.console.viewer import INCLUDED_IN
from connector.domain.audit.history import READ, RESULT, SESSION, AuditFilter
from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.pages import applications
from connector.services.console.console_sessions import Person
from tests.bodies import provider_body
from tests.console.test_every_page import SCOPES, Route, planted, routes, sign_in
from tests.harness import World, as_actor
from tests.values import VALUES

__all__ = ["planted"]

WITHOUT_SCOPE = {
    "home.show_home",
    "home.show_needs",
    "sessions.show_list",
    "sessions.end",
    "draft.show",
    "draft.discard",
}
READING = {  # posts that change nothing but the trail: their reading is recorded, or makes a file
    *("events.show_body", "users.show_values", "users.request_record", "verifications.request_csv"),
    *("verification.create_timeline", "jobs.cancel"),
}


PERSON = Person("", "Somebody", "console", "https://issuer.example", frozenset())


def name_of(route: Route) -> str:
    return route.endpoint.removeprefix("console.")


def token_of(world: World, browser: requests.Session, tenant: str = DEFAULT_TENANT) -> str:
    prefix = "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
    page = browser.get(f"{world.connector.url}{prefix}/console/sessions", timeout=60)
    return str(re.findall(r'name="csrf_token" value="([^"]+)"', page.text)[0])


def trail(world: World, tenant: str = DEFAULT_TENANT) -> list[int]:
    page = world.connector.services.audit.page(Tenant(tenant), AuditFilter(outcome="done"), limit=500)
    return [each.number for each in page.rows if each.change.subject != SESSION]


@pytest.mark.one_database
def test_every_page_and_action_names_the_scope_that_it_needs(world: World, planted: Mapping[str, str]) -> None:
    known = [each for each in routes(world, planted) if not each.endpoint.startswith("console.sample.")]
    assert {name_of(each) for each in known if each.scope is None} == WITHOUT_SCOPE
    views = {name_of(each) for each in known if each.method == "POST" and (each.scope or "").endswith("_view")}
    assert views == READING, "what changes something needs more than a scope for looking"


@pytest.mark.one_database
def test_no_other_scope_admits_to_a_page_or_an_action(world: World, planted: Mapping[str, str]) -> None:
    known = [each for each in routes(world, planted) if each.scope is not None]
    before = trail(world)
    for scope in sorted({each.scope or "" for each in known}):
        others = tuple(each for each in SCOPES if each not in (scope, *INCLUDED_IN.get(scope, ())))
        browser = sign_in(world, scopes=others)
        fields = {"csrf_token": token_of(world, browser), "typed": planted["user_id"], "reason": "r", "do": "save"}
        for each in [each for each in known if each.scope == scope]:
            url, data = world.connector.url + each.path, fields if each.method == "POST" else None
            answer = browser.request(each.method, url, data=data, timeout=60, allow_redirects=False)
            assert (answer.status_code, scope in answer.text, each) == (403, True, each)
    assert trail(world) == before


def test_the_administrator_of_another_tenant_changes_nothing(world: World, planted: Mapping[str, str]) -> None:
    browser = sign_in(world, "other")
    filled = {"csrf_token": token_of(world, browser, "other"), "reason": "r", "decision": "approve", "do": "save"}
    before, marks = trail(world), {mark for mark in planted.values() if mark != "none"}
    sessions = world.connector.services.console_sessions.search(Tenant(DEFAULT_TENANT), limit=5).rows
    for each in routes(world, planted):
        if each.method == "POST" and not each.endpoint.startswith("console.sample."):
            is_of_user = each.endpoint.startswith("console.users.")
            typed = planted["user_id"] if is_of_user else "Planted provider"  # the text that confirms an action
            url, data = f"{world.connector.url}/t/other{each.path}", filled | {"typed": typed}
            answer = browser.post(url, data, timeout=60, allow_redirects=False)
            assert answer.status_code < 500, (answer.status_code, each)
            seen = [mark for mark in marks if mark in answer.text and mark not in each.path]
            assert (seen, each) == ([], each)
    assert trail(world) == before
    assert world.connector.services.console_sessions.search(Tenant(DEFAULT_TENANT), limit=5).rows == sessions


@pytest.mark.one_database
def test_no_field_reaches_an_object_of_another_tenant(world: World, planted: Mapping[str, str]) -> None:
    browser = sign_in(world, "other")
    base, provider = f"{world.connector.url}/t/other/console", planted["provider_id"]
    token, before = token_of(world, browser, "other"), trail(world)
    own = world.connector.as_admin("other").post(
        "/api/server/v1/idv-providers", provider_body(world.simulator, name="Own")
    )
    own_id = own.json()["id"]
    client = {"name": "c", "profile": "ida", "redirect_uris": "https://a.example/cb", "method": "secret"}
    posts: list[tuple[str, dict[str, str]]] = [
        ("/verifications/csv", {"provider": provider}),
        ("/jobs/new/fetch-runs", {"provider": provider, "since": "2026-01-01T00:00"}),
        (
            "/deliveries/endpoints/new",
            {"url": "https://a.example/n", "events": "verification.ended", "provider": provider},
        ),
        ("/clients/new", client | {"provider": provider}),
        (
            f"/providers/{own_id}/attributes",
            {"do": "try", "run": planted["verification_id"], "uri": "u", "field": "dob"},
        ),
        (f"/providers/{own_id}/attributes", {"do": "try", "run": planted["run_id"], "uri": "u", "field": "dob"}),
    ]
    for path, fields in posts:
        answer = browser.post(base + path, {"csrf_token": token} | fields, timeout=60, allow_redirects=False)
        assert answer.status_code in (200, 400, 404), (path, answer.status_code)
        assert "Planted provider" not in answer.text, path
    for query in (
        f"/verifications?provider={provider}",
        f"/events?provider={provider}",
        f"/?provider={provider}",
        f"/search?q={planted['verification_id']}",
        f"/search?q={planted['event_id']}",
        "/search?q=planted",
        f"/audit?object={provider}",
        f"/audit/changes?user={planted['user_id']}",
    ):
        answer = browser.get(base + query, timeout=60)
        assert answer.status_code in (200, 404)
        assert "Planted provider" not in answer.text, query
        assert "planted-user" not in answer.text.replace(planted["user_id"] if "user=" in query else "\0", ""), query
    jobs = world.connector.services.jobs.page(Tenant("other"), limit=9, cursor=None).rows
    assert [each.kind for each in jobs] == []
    assert trail(world) == before


@pytest.mark.one_database
def test_a_person_without_a_scope_sees_no_data_on_the_pages_that_need_none(
    world: World, planted: Mapping[str, str]
) -> None:
    browser = sign_in(world, scopes=())
    own = planted["session_id"]  # the same person's, in another browser
    marks = {*planted.values(), "Planted provider", *VALUES.values()} - {"none", "", own}
    for each in routes(world, planted):
        if each.method == "GET" and each.scope is None:
            page = browser.get(world.connector.url + each.path, timeout=60)
            assert (page.status_code, [mark for mark in marks if mark in page.text], each) == (200, [], each)


@pytest.mark.one_database
def test_results_need_their_scope_on_the_pages_of_providers_too(world: World, planted: Mapping[str, str]) -> None:
    """As over HTTP: a dry run of a mapping and the numbers of results need the scope for verifications."""
    path = f"/console/providers/{planted['provider_id']}/attributes"
    draft = {"do": "try", "run": planted["verification_id"], "uri": "http://wso2.org/claims/dob", "field": "dob"}
    providers = ("internal_idvp_view", "internal_idvp_update")
    for scopes, status, numbers in ((providers, 403, False), ((*providers, "internal_idv_claim_view"), 200, True)):
        browser = sign_in(world, scopes=scopes)
        fields = draft | {"csrf_token": token_of(world, browser)}
        answer = browser.post(world.connector.url + path, fields, timeout=60)
        assert (answer.status_code, "internal_idv_claim_view" in answer.text) == (status, not numbers)
        shown = browser.get(f"{world.connector.url}/console/providers", timeout=60).text
        assert bool(re.search(r'<td class="num not-middle">\d', shown)) is numbers


@pytest.mark.one_database
def test_reading_the_record_of_a_verification_with_personal_values_is_audited(
    world: World, planted: Mapping[str, str]
) -> None:
    browser, before = sign_in(world), trail(world)
    url = f"{world.connector.url}/console/verifications/{planted['verification_id']}"
    browser.get(url, timeout=60)
    assert trail(world) == before, "the page shows no value"
    record = browser.get(f"{url}/json", timeout=60).json()
    assert record["output"] is not None
    [latest, *others] = world.connector.services.audit.page(
        Tenant(DEFAULT_TENANT), AuditFilter(subject=RESULT), limit=9
    ).rows
    assert (latest.change.current, latest.change.actor, others) == (READ, as_actor("somebody"), [])


@pytest.mark.one_database
def test_the_token_of_a_form_belongs_to_one_browser_and_one_sign_in(world: World) -> None:
    browser, other = sign_in(world), sign_in(world)
    url = f"{world.connector.url}/console/draft/discard"

    def post(by: requests.Session, token: str) -> int:
        return by.post(url, {"csrf_token": token}, timeout=60, allow_redirects=False).status_code

    token = token_of(world, browser)
    assert (post(browser, token), post(other, token), post(browser, token + "x")) == (302, 400, 400)
    secret = world.connector.services.console_sessions.make_link(Tenant(DEFAULT_TENANT), "somebody", SCOPES)
    browser.get(f"{world.connector.url}/console/link/{secret}", timeout=60)
    assert post(browser, token) == 400, "a new sign-in, a new token"
    latest = token_of(world, browser)
    cookies = dict(browser.cookies)
    browser.post(f"{world.connector.url}/console/sign-out", {"csrf_token": latest}, timeout=60)
    browser.cookies.update(cookies)
    assert post(browser, latest) == 401, "both cookies were kept by someone, but the session has ended"


@pytest.mark.one_database
def test_forms_are_accepted_behind_a_proxy_that_names_another_host(world: World) -> None:
    """The server takes the scheme from the proxy, but the host may be the one that the proxy connects to."""
    _, pages = applications(world.connector.app)
    secret = world.connector.services.console_sessions.make_link(Tenant(DEFAULT_TENANT), "somebody", SCOPES)
    client, inner = pages.test_client(), {"base_url": "https://connector.internal:8080"}
    client.get(f"/console/link/{secret}", **inner)
    token = re.findall(r'name="csrf_token" value="([^"]+)"', client.get("/console/sessions", **inner).text)[0]
    for headers in ({"Referer": "https://idv.example.com/console/draft"}, {}):
        answer = client.post("/console/draft/discard", data={"csrf_token": token}, headers=headers, **inner)
        assert answer.status_code == 302


@pytest.mark.one_database
def test_a_person_ends_the_oldest_of_many_sessions_but_none_of_another_person(world: World) -> None:
    sessions, base = world.connector.services.console_sessions, f"{world.connector.url}/console/sessions"
    for name in ("somebody", "ann", *["somebody"] * 60):
        sessions.begin(Tenant(DEFAULT_TENANT), replace(PERSON, user_id=name), name)
        world.clock.advance(1)
    browser = sign_in(world)
    fields, listed = {"csrf_token": token_of(world, browser)}, sessions_on(browser, base)
    held = {each.session_id: each.user_id for each in sessions.search(Tenant(DEFAULT_TENANT), limit=100).rows}
    [hers] = [each for each, user_id in held.items() if user_id == "ann"]
    assert (len(listed), {held[each] for each in listed}) == (61, {"somebody"})
    for session_id in (listed[-1], hers):
        assert browser.post(f"{base}/{session_id}/end", fields, timeout=60).ok
    left = {each.session_id for each in sessions.search(Tenant(DEFAULT_TENANT), limit=100).rows}
    assert (listed[-1] in left, hers in left) == (False, True)


def sessions_on(browser: requests.Session, url: str) -> list[str]:
    """Return the ids of the sessions that the pages of the list offer to end."""
    page = browser.get(url, timeout=60).text
    older = re.search(r'href="([^"]+)" rel="next"', page)
    listed = re.findall(r'action="[^"]*/sessions/([^"/]+)/end"', page)
    return listed + (sessions_on(browser, urljoin(url, unescape(older[1]))) if older else [])
