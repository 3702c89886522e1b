"""Hostile input in queries, fields and addresses: it is refused or ignored, and never an unexpected error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from connector.console.ground import TURNS
from connector.console.turns import SignInTurns
from connector.console.verify.policy import loadable, logo_of, page_policy, sdk_policy
from connector.pages import applications
from tests.console.test_every_page import planted, routes, sign_in
from tests.console.test_permissions import token_of
from tests.harness import World

__all__ = ["planted"]

NAMES = (
    ("cursor", "since", "at", "issuer", "next", "from", "to", "total", "format", "period", "view", "ui_locales"),
    ("status", "provider", "environment", "claim", "result", "userId", "tag", "run", "kind", "state", "prefix", "q"),
    (
        "object",
        "user",
        "actor",
        "action",
        "subject",
        "outcome",
        "channel",
        "source",
        "needsReview",
        "decision",
        "capture",
        "run",
    ),
    ("_external", "_scheme", "_anchor", "_method", "endpoint", "view_args"),
)
OF_TIMES = NAMES[:1]  # the first names alone are read as times
TEXTS = {
    "nul": ("a\0b", NAMES),
    "digits": ("9" * 5_000, NAMES),
    "first day": ("0001-01-01", OF_TIMES),
    "before the first": ("0001-01-01T00:00:00+14:00", OF_TIMES),
    "after the last": ("9999-12-31T23:59:59-14:00", OF_TIMES),
    "host": ("http://[", NAMES),
    "markup": ('"><script>alert(1)</script>', NAMES),
    "format": ("%(name)s {{7*7}} ../../x", NAMES),
}
DEEP = "[" * 50_000
NESTED = "[" * 700 + "]" * 700


@pytest.fixture
def browser(world: World) -> Iterator[requests.Session]:
    with sign_in(world) as browser:
        yield browser


def more_turns(world: World) -> None:
    """Allow as many sign-ins as before: a minute allows few of one browser."""
    applications(world.connector.app)[1].extensions[TURNS] = SignInTurns(5)


@pytest.mark.one_database
def test_a_query_may_be_any_text(world: World, planted: Mapping[str, str], browser: requests.Session) -> None:
    lists = {each.path for each in routes(world, {}) if each.method == "GET" and "none" not in each.path}
    lists.remove("/console/sample/broken")
    signing = {"/console/sign-in?stay=1", "/console/sign-in/start", "/console/signed-out", "/console/callback"}
    paths = sorted(lists | signing | {f"/console/verifications/{planted['verification_id']}"})
    for path, (kind, (text, groups)) in product(paths, TEXTS.items()):
        for names in groups:
            more_turns(world)
            query = urlencode(dict.fromkeys(names, text))
            url = f"{world.connector.url}{path}{'&' if '?' in path else '?'}{query}"
            answer = browser.get(url, timeout=60, allow_redirects=False)
            assert answer.status_code < 500, (answer.status_code, path, kind, names)
            assert "console.part_failed" not in answer.text
            is_page = answer.headers["Content-Type"].startswith("text/html")
            assert not is_page or "<script>alert" not in answer.text, (path, kind, names)
            assert "%(name)s 49" not in answer.text, (path, kind)


def test_text_that_postgresql_cannot_store_is_refused(
    world: World, planted: Mapping[str, str], browser: requests.Session
) -> None:
    base, token = f"{world.connector.url}/console", token_of(world, browser)
    for query in (
        "users?prefix=%00",
        "events?kind=a%00",
        "audit?actor=%00",
        "audit/changes?object=%00",
        "search?%00=a",
    ):
        answer = browser.get(f"{base}/{query}", timeout=60)
        assert (answer.status_code, "must not contain NUL" in answer.text) == (400, True), query
    for query in ("users?prefix=", "audit?user=", "audit/audit.csv?user=", "audit/audit.csv?object=", "events?run="):
        assert browser.get(f"{base}/{query}{'x' * 300}", timeout=60).status_code in (200, 400), query
    long = {"csrf_token": token, "userId": "x" * 300}
    assert browser.post(f"{base}/verifications/csv", long, timeout=60).status_code == 400
    provider = f"{base}/providers/{planted['provider_id']}"
    for url, name in (
        (f"{provider}/general", "description"),
        (f"{provider}/capture", "application_id"),
        (f"{base}/verifications/csv", "userId"),
        (f"{base}/verifications/{planted['verification_id']}/review", "reason"),
        (f"{base}/users/{planted['user_id']}/unlock", "reason"),
    ):
        answer = browser.post(url, {"csrf_token": token, name: "a\0b"}, timeout=60)
        assert (answer.status_code, "must not contain NUL" in answer.text) == (400, True), url
    file = {"name": "a\0b", "description": "\ud800", "claims": []}
    answer = browser.post(
        f"{provider}/import", {"csrf_token": token}, files={"file": ("f.json", json.dumps(file))}, timeout=60
    )
    assert (answer.status_code, "must not contain NUL" in answer.text) == (200, True)


Fields = Mapping[str, str]
ACTIONS: Mapping[str, tuple[str, Fields, int]] = {
    "hours that are no number": ("limits", {"max_attempts": "1", "attempt_hours": "NaN"}, 200),
    "hours without end": ("limits", {"max_attempts": "1", "attempt_hours": "1e400"}, 200),
    "attempts of many digits": ("limits", {"max_attempts": "9" * 5_000, "attempt_hours": "1"}, 200),
    "a row of many digits": ("workflow", {"do": "remove-input-" + "9" * 5_000}, 200),
    "a deep constant": (
        "workflow",
        {
            "input_name": "a",
            "input_type": "object",
            "input_from": "constant",
            "input_value": DEEP,
            "input_required": "no",
        },
        200,
    ),
    "deep values of before": ("general", {"name": "n", "workflow_id": "w", "shown": DEEP}, 200),
    "values of before that are none": ("general", {"name": "n", "workflow_id": "w", "shown": '["a"]'}, 200),
    "values of before that are deep": ("general", {"name": "n", "workflow_id": "w", "shown": NESTED}, 200),
    "a file that is deep": ("import", {"text": '{"studio": ' + NESTED + "}"}, 200),
    "a claim that is too long": ("attributes", {"uri": "u" * 256, "field": "dob"}, 200),
    "an output of a claim that is too long": (
        "workflow",
        {"output_pointer": "/a", "output_claim": "u" * 256, "output_as": "value"},
        200,
    ),
    "an input of a claim that is too long": (
        "workflow",
        {
            "input_name": "a",
            "input_type": "string",
            "input_from": "claim",
            "input_value": "u" * 256,
            "input_required": "no",
        },
        200,
    ),
    "an undo that is no JSON": ("attributes/undo", {"claims": "["}, 400),
    "an undo that is no mapping": ("attributes/undo", {"claims": "[1]"}, 400),
    "a deep undo": ("attributes/undo", {"claims": DEEP}, 400),
    "no undo": ("attributes/undo", {}, 400),
    "a deep file": ("import", {"text": DEEP}, 200),
    "a file that is no object": ("import", {"text": "[1]"}, 200),
    "a file with numbers without end": ("import", {"text": '{"name": NaN, "claims": 1e400, "studio": [1]}'}, 200),
    "a file of many digits": ("import", {"text": '{"name": "a", "x": ' + "9" * 5_000 + "}"}, 200),
}


@pytest.mark.one_database
def test_the_fields_of_a_providers_forms_may_hold_any_text(
    world: World, planted: Mapping[str, str], browser: requests.Session
) -> None:
    url, token = f"{world.connector.url}/console/providers/{planted['provider_id']}", token_of(world, browser)

    def read() -> Any:
        return world.connector.as_admin().get(f"/api/server/v1/idv-providers/{planted['provider_id']}").json()

    before = read()
    for case, (tab, fields, status) in ACTIONS.items():
        data = {"csrf_token": token, "do": "save", **fields}
        answer = browser.post(f"{url}/{tab}", data, timeout=60, allow_redirects=False)
        assert (answer.status_code, case) == (status, case)
        assert read() == before, case


@pytest.mark.one_database
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York", "../../etc/passwd", "\ud800", "x" * 3_000])
def test_times_at_both_ends_of_the_calendar_are_read_in_every_zone(world: World, zone: str) -> None:
    browser = sign_in(world)
    browser.cookies.set("zone", zone.encode("utf-8", "replace").decode())
    token = token_of(world, browser)
    for local in ("0001-01-01T00:00", "9999-12-31T23:59", "2026-02-30T00:00"):
        for path in ("jobs/new/resend", "deliveries/dead/resend"):
            fields = {"csrf_token": token, "which": "dead", "since": local}
            answer = browser.post(f"{world.connector.url}/console/{path}", fields, timeout=60, allow_redirects=False)
            assert answer.status_code in (200, 302, 400), (path, local, answer.status_code)


@pytest.mark.one_database
def test_the_links_of_a_list_hold_its_filters_only(
    world: World, planted: Mapping[str, str], browser: requests.Session
) -> None:
    """Werkzeug's own names would make links to the host that the request names."""
    query = {"tag": "t", "_external": "1", "_scheme": "javascript", "_anchor": "x", "utm_source": "mail"}
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    for path in ("verifications", "verifications/news", "events", "audit", "deliveries", "users", "jobs", ""):
        url = f"{world.connector.url}/console/{path}?{urlencode(query)}"
        page = browser.get(url, headers={"Host": "evil.example", "Cookie": cookies}, timeout=60)
        assert page.status_code == 200, path
        for mark in ("evil.example", "javascript:", "utm_source="):
            assert mark not in page.text, (path, mark)


@pytest.mark.parametrize("policy", [page_policy, sdk_policy])
@pytest.mark.parametrize(
    "image",
    ["https://a.example; script-src-elem */x", "https://[", "https://a.example;sandbox", "https://a@b.example/"],
)
def test_an_image_adds_nothing_else_to_the_policy(policy: type, image: str) -> None:
    assert policy(image) == policy("")
    assert logo_of(image) is None


def test_the_policy_of_a_list_names_few_origins_and_its_page_loads_no_other_image() -> None:
    images = [f"https://{number}.example/logo.png" for number in range(50)]
    some = loadable([*images, "/logo.svg", "https://a.example; sandbox", "a name", ""])
    assert some == {*images[:20], "/logo.svg"}
    assert page_policy(*sorted(some)).count(".example") == 20


def test_an_image_adds_its_origin_to_the_policy() -> None:
    images: Sequence[str] = re.findall(r"img-src ([^;]+)", page_policy("https://Cdn.example:8443/logo.png?v=1"))
    assert images[0].split()[-1] == "https://Cdn.example:8443"
