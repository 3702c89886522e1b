"""Hostile and unusual requests: none causes a server error.

A request is refused before it uses up the code or token, so that the right client can still use it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from connector.domain.openid.flow import URN
from tests.harness import World
from tests.oidc.relying_party import (
    NAMES,
    REDIRECT_URI,
    Pushed,
    RelyingParty,
    UserBrowser,
    okta_claims,
    register,
    returned,
    run_of,
)

pytestmark = pytest.mark.one_database

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world)


# The authorization endpoint


@pytest.mark.parametrize("name", ["request_uri", "client_id"])
def test_a_repeated_parameter_is_refused(party: RelyingParty, name: str) -> None:
    pushed, browser = party.push(), UserBrowser(party)
    query = [("request_uri", pushed.request_uri), ("client_id", party.client_id)]
    query.append((name, dict(query)[name]))
    assert browser.get("/oauth2/authorize", params=query).status_code == 400
    assert browser.authorize(pushed).status_code == 303, "it is not used up"


def test_parameters_next_to_a_pushed_request_change_nothing(world: World, party: RelyingParty) -> None:
    pushed, browser = party.push(), UserBrowser(party)
    beside = {"redirect_uri": "https://evil.example/cb", "state": "theirs", "scope": "x", "response_mode": "form_post"}
    assert browser.authorize(pushed, client_id=party.client_id, **beside).status_code == 303
    browser.start()
    world.outcome(run_of(world))
    assert party.id_token(pushed, returned(browser.follow(), pushed, party)["code"])["sub"] == "00u1"


def test_a_pushed_request_opens_only_for_its_own_client_and_by_its_complete_name(
    world: World, party: RelyingParty
) -> None:
    other, pushed, browser = register(world, name="Other"), party.push(), UserBrowser(party)
    assert browser.authorize(pushed, client_id=other.client_id).status_code == 400
    for wrong in (pushed.request_uri.removeprefix(URN), pushed.request_uri.upper(), f"{pushed.request_uri} ", ""):
        assert browser.get("/oauth2/authorize", params={"request_uri": wrong}).status_code == 400
    assert browser.get("/oauth2/authorize", params=party.parameters()[0]).status_code == 400, "it was not pushed"
    assert browser.authorize(pushed, client_id=party.client_id).status_code == 303


def test_a_pushed_request_can_be_opened_by_a_form(party: RelyingParty) -> None:
    pushed, browser = party.push(), UserBrowser(party)
    given = {"request_uri": pushed.request_uri, "client_id": party.client_id}
    answer = browser.session.post(f"{party.base}/oauth2/authorize", data=given, timeout=60)
    assert "Agree and continue" in answer.text
    for body in ({}, {"request_uri": [pushed.request_uri] * 2}, {"request_uri": "x" * 3000}):
        refused = browser.session.post(f"{party.base}/oauth2/authorize", data=body, timeout=60)
        assert refused.status_code == 400


def test_a_head_request_consumes_nothing(world: World, party: RelyingParty) -> None:
    pushed, browser = party.push(), UserBrowser(party)
    address = f"{party.base}/oauth2/authorize"
    for method in ("HEAD", "OPTIONS"):
        answer = requests.request(method, address, params={"request_uri": pushed.request_uri}, timeout=60)
        assert (answer.status_code, answer.text) == (200, "")
    assert browser.authorize(pushed).status_code == 303
    browser.start()
    world.outcome(run_of(world))
    world.wait_until(lambda: world.verifications()[0].closed_at is not None)
    assert browser.session.head(browser.page, timeout=60, allow_redirects=False).status_code == 200
    assert "code" in returned(browser.look(), pushed, party)


# Pushed requests


@pytest.mark.parametrize(
    "uri",
    [
        "https://org.okta.example:443/idp/identity-verification/callback",
        "https://org.okta.example:8443/idp/identity-verification/callback",
        "https://ORG.okta.example/idp/identity-verification/callback",
        "https://org.okta.example/idp/Identity-Verification/callback",
        f"{REDIRECT_URI}/",
        f"{REDIRECT_URI}#",
        f"{REDIRECT_URI}?",
        f"{REDIRECT_URI}?x=1",
        f"{REDIRECT_URI}#part",
        f"{REDIRECT_URI} ",
        "https://org.okta.example/idp/../idp/identity-verification/callback",
        "https://org.okta.example/idp/identity%2Dverification/callback",
        "https://org.okta.example@evil.example/idp/identity-verification/callback",
        "http://org.okta.example/idp/identity-verification/callback",
        "javascript:alert(1)",
    ],
)
def test_a_redirect_uri_is_compared_exactly(party: RelyingParty, uri: str) -> None:
    answer = party.post("/oauth2/par", party.parameters(redirect_uri=uri)[0])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "evil.example" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "jwt"}, "invalid_request"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"prompt": "none"}, "interaction_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"request": "e30.e30."}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"claims": "[" * 1000 + "]" * 1000}, "invalid_request"),
        ({"claims": '{"id_token":' * 1000 + "1" + "}" * 1000}, "invalid_request"),
        (
            {"claims": json.dumps({"id_token": {"verified_claims": {"claims": {"x" * 100_000: None}}}})},
            "invalid_request",
        ),
        (
            {"claims": '{"id_token": {"verified_claims": {"claims": {"given_name": {"value": NaN}}}}}'},
            "invalid_request",
        ),
        ({"claims": json.dumps(okta_claims({**NAMES, "given_name": "\ud800"}))}, "invalid_request"),
        ({"claims": json.dumps(okta_claims()).replace("IDV-DELEGATED", "\\udfff")}, "invalid_request"),
        ({"claims": json.dumps(okta_claims()).replace('"essential": true', '"essential": 1e999')}, "invalid_request"),
        ({"claims": '{"id_token": {"verified_claims": 1}}'}, "invalid_request"),
        ({"claims": "null"}, "invalid_request"),
        ({"scope": "x" * 3000}, "invalid_request"),
    ],
    ids=lambda given: str(given)[:60],
)
def test_an_unsatisfiable_request_is_refused_at_the_push(
    party: RelyingParty, changes: dict[str, str], error: str
) -> None:
    answer = party.post("/oauth2/par", party.parameters(**changes)[0])
    assert (answer.status_code, answer.json()["error"]) in ((400, error), (413, error)), answer.text


@pytest.mark.parametrize("text", ['"', "\\", "é", "\u202e", "\x7f"])
@pytest.mark.parametrize("path", ["/oauth2/par", "/oauth2/token"])
def test_a_refusal_may_repeat_any_text_of_a_client(party: RelyingParty, path: str, text: str) -> None:
    usual = party.parameters()[0]
    bodies: list[Any] = [
        *({**usual, name: text} for name in (*usual, "grant_type", "code", "code_verifier", "prompt", "response_mode")),
        {**usual, "claims": json.dumps({"id_token": {"verified_claims": {"claims": {text: 5}}}})},
        {**usual, text: "\0"},
        {**usual, text: "x" * 3000},
        [(text, "1"), (text, "2")],
    ]
    for body in bodies:
        answer = party.post(path, body)
        assert answer.status_code in (201, 400, 401), answer.text
    assert requests.post(party.base + path, {text: "\0"}, timeout=60).status_code in (400, 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"response_mode": "query"},
        {"prompt": "login"},
        {"prompt": "consent select_account"},
        {"prompt": "unheard_of"},
        {"max_age": "0"},
        {"max_age": "soon"},
        {"ui_locales": "xx-Unknown de fr"},
        {"acr_values": "urn:x"},
        {"display": "popup"},
        {"id_token_hint": "x"},
        {"login_hint": "person@example.com with spaces & <signs>"},
        {"resource": "https://api.example"},
        {"unheard_of": "x"},
        {"scope": "openid openid email unheard_of"},
        {"state": "a&b=c#d%20ü"},
        {"nonce": None},
    ],
    ids=str,
)
def test_unknown_additional_parameters_do_no_harm(party: RelyingParty, changes: dict[str, Any]) -> None:
    parameters, verifier = party.parameters(**changes)
    answer = party.post("/oauth2/par", parameters)
    assert answer.status_code == 201, answer.text
    pushed, browser = Pushed(answer.json()["request_uri"], parameters["state"], "", verifier), UserBrowser(party)
    assert browser.authorize(pushed).status_code == 303
    assert returned(browser.press("leave"), pushed, party)["error"] == "access_denied"


@pytest.mark.parametrize(
    "media_type",
    [
        f"{FORM};charset=utf-8",
        f"{FORM}; charset=ISO-8859-1",
        "APPLICATION/X-WWW-FORM-URLENCODED",
        "text/plain",
        "application/octet-stream",
        "",
        "?",
    ],
)
def test_a_body_is_read_under_any_media_type(party: RelyingParty, media_type: str) -> None:
    prepared = requests.Request("POST", "http://x/", data=party.parameters()[0]).prepare().body
    for accept in ("application/json", "*/*", "text/html", "application/xml;q=0.1", "?"):
        answer = party.post("/oauth2/par", prepared, headers={"Content-Type": media_type, "Accept": accept})
        assert answer.status_code == 201, answer.text
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(("GET", f"/oauth2/{name}", 405) for name in ("par", "token")),
        *(("HEAD", f"/oauth2/{name}", 405) for name in ("par", "token")),
        *(("DELETE", f"/oauth2/{name}", 405) for name in ("par", "token", "authorize", "userinfo")),
        *(("OPTIONS", f"/oauth2/{name}", 200) for name in ("par", "token", "userinfo")),
        ("HEAD", "/.well-known/openid-configuration", 200),
        ("HEAD", "/oauth2/userinfo", 401),
        ("POST", "/oauth2/par", 401),
        ("POST", "/oauth2/token", 401),
    ],
)
def test_other_methods_and_empty_bodies_get_an_ordinary_answer(
    party: RelyingParty, method: str, path: str, status: int
) -> None:
    answer = requests.request(method, party.base + path, timeout=60)
    assert answer.status_code in (status, 400) if method == "POST" else answer.status_code == status, answer.text
