"""Signing in to the console at node-oidc-provider, a certified OpenID provider, and the refusals of its steps."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from structlog.testing import capture_logs

from connector.domain.tenancy import Tenant
from connector.settings import Issuer, Settings
from tests.harness import Clock, ConnectorServer
from tests.identity.person import Person
from tests.identity.servers import OidcProvider, key_set, new_keys
from tests.patience import patient_settings

VIEW = "internal_idvp_view"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


def with_issuers(settings: Settings, *issuers: str) -> Settings:
    console: dict[str, Any] = {
        "console_client_id": "console",
        "console_client_secret": "env:CONSOLE_SECRET",
        "console_scopes": ("openid", VIEW),
        "shares_users": len(issuers) > 1,
    }
    known = tuple(Issuer(each, "connector", **console) for each in issuers)
    return patient_settings(settings.data_dir, settings.database_url, issuers=known, dev=False)


@pytest.fixture
def settings(settings: Settings, oidc_provider: OidcProvider) -> Settings:
    """A connector whose administrators sign in at the provider."""
    return with_issuers(settings, oidc_provider.issuer)


@pytest.fixture
def person(settings: Settings, clock: Clock, oidc_provider: OidcProvider) -> Iterator[Person]:
    with ConnectorServer(settings, clock) as connector:
        person = Person(connector, oidc_provider)
        yield person
        person.browser.close()


def reasons(logs: list[Any]) -> list[str]:
    return [str(each["reason"]) for each in logs if each["event"] == "console.sign_in_refused"]


def changed(url: str, **changes: str | None) -> str:
    """Return an address with some parameters changed, or without those that are None."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value})).geturl()


def test_a_person_signs_in_and_is_redirected_to_the_requested_page(person: Person) -> None:
    asked = person.begin("/console/sessions?stay=1")
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked.headers["Location"]).query).items()}
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert {"state", "nonce", "code_challenge"} <= set(query)
    answer = person.get(person.consent(asked))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/sessions?stay=1")
    [cookie] = [each for each in answer.headers["Set-Cookie"].split(", ") if each.startswith("console-carbon.super=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = person.get("/console/sessions")
    assert page.status_code == 200
    assert "ann" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_the_granted_scopes_are_the_persons_permissions(person: Person) -> None:
    person.sign_in()
    [session] = person.sessions.search(Tenant("carbon.super"), limit=5).rows
    assert VIEW in session.scopes
    assert "internal_idvp_update" not in session.scopes


def test_a_second_sign_in_creates_a_session_and_ends_the_previous_one(person: Person) -> None:
    person.sign_in()
    first = person.browser.cookies["console-carbon.super"]
    person.get(person.consent(person.get("/console/sign-in/start")))
    second = person.browser.cookies["console-carbon.super"]
    assert first != second
    assert person.trail() == ["signed_in", "signed_in"]
    assert len(person.sessions.search(Tenant("carbon.super"), limit=5).rows) == 1
    person.browser.cookies.set("console-carbon.super", first, domain="127.0.0.1", path="/")
    assert person.get("/console/sessions").is_redirect


@pytest.mark.one_database
@pytest.mark.parametrize("changes", [{"iss": "https://evil.example"}, {"iss": None}], ids=["another", "none"])
def test_an_answer_of_another_issuer_is_refused(person: Person, changes: dict[str, str | None]) -> None:
    back = changed(person.consent(person.begin()), **changes)
    with capture_logs() as logs:
        assert person.get(back).status_code == 400
    assert reasons(logs) == ["the answer must be from the requested issuer (iss)"]
    assert person.trail() == ["answer_refused"]
    assert person.get("/console/sessions").is_redirect


@pytest.mark.one_database
def test_an_answer_that_this_browser_did_not_request_is_refused(person: Person) -> None:
    back = person.consent(person.begin())
    stranger = Person(person.connector, person.provider)
    with capture_logs() as logs:
        assert stranger.get(back).status_code == 400
    assert "state" in reasons(logs)[0]
    stranger.browser.close()


@pytest.mark.one_database
def test_an_answer_is_accepted_only_once(person: Person) -> None:
    back = person.consent(person.begin())
    assert person.get(back).status_code == 302
    assert person.get(back).status_code == 400


@pytest.mark.one_database
def test_a_wrong_code_and_an_error_of_the_issuer_sign_no_user_in(person: Person) -> None:
    for changes in ({"code": "forged"}, {"code": None, "error": "access_denied"}):
        back = changed(person.begin().headers["Location"])
        state = parse_qs(urlsplit(back).query)["state"][0]
        query = {"state": state, "iss": person.provider.issuer, **{k: v for k, v in changes.items() if v}}
        with capture_logs() as logs:
            assert person.get(f"/console/callback?{urlencode(query)}").status_code == 400
        assert len(reasons(logs)) == 1
        assert "forged" not in str(logs)


@pytest.mark.one_database
@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/\\evil.example",
        "/elsewhere",
        "/console/../x",
        "javascript:x",
    ],
)
def test_no_redirect_leads_to_another_site(person: Person, address: str) -> None:
    person.begin("/console/sign-in?" + urlencode({"next": address}))
    answer = person.get(person.consent(person.begin("/console/sign-in?" + urlencode({"next": address}))))
    assert answer.headers["Location"] == "/console"


@pytest.mark.one_database
def test_signing_out_ends_the_session_and_offers_to_sign_out_at_the_issuer(person: Person) -> None:
    person.sign_in()
    token = re.findall(r'name="csrf_token" value="([^"]+)"', person.get("/console/sessions").text)[0]
    cookie = person.browser.cookies["console-carbon.super"]
    assert person.browser.post(f"{person.console}/console/sign-out", timeout=60).status_code == 400, "no token"
    answer = person.browser.post(
        f"{person.console}/console/sign-out", {"csrf_token": token}, timeout=60, allow_redirects=False
    )
    assert answer.status_code == 302
    page = person.get(answer.headers["Location"])
    assert f"{person.provider.issuer}/session/end?client_id=console" in page.text
    person.browser.cookies.set("console-carbon.super", cookie, domain="127.0.0.1", path="/")
    assert person.get("/console/sessions").is_redirect, "the session has ended, independent of the browser's cookies"


def logout_token(person: Person, subject: str = "ann", key: str | None = None, **changes: Any) -> str:
    """Return a logout token of the provider's."""
    keys = key_set(key or person.provider.keys)
    now = int(time.time())
    claims = {
        "iss": person.provider.issuer,
        "aud": "console",
        "sub": subject,
        "iat": now,
        "exp": now + 120,
        "jti": "a",
        "events": {EVENT: {}},
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    header = {"alg": "RS256", "typ": "logout+jwt", "kid": keys.keys[0].kid}
    return jwt.encode(header, claims, keys.keys[0], algorithms=["RS256"])


def post_logout(person: Person, token: str) -> int:
    url = f"{person.console}/console/backchannel"
    return requests.post(url, {"logout_token": token}, timeout=60).status_code


def test_the_issuer_signs_a_person_out(person: Person) -> None:
    person.sign_in()
    assert post_logout(person, logout_token(person, "bob")) == 200
    assert person.get("/console/sessions").status_code == 200, "that was another person"
    assert post_logout(person, logout_token(person)) == 200
    assert person.get("/console/sessions").is_redirect


@pytest.mark.one_database
@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "shop"},
        {"events": {}},
        {"nonce": "n"},
        {"sub": None},
        {"iat": 1},
        {"iat": 10**400},
        {"exp": 1},
        {"key": new_keys("only")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_logout_token_of_another_issuer_ends_no_session(person: Person, changes: dict[str, Any]) -> None:
    person.sign_in()
    with capture_logs() as logs:
        assert post_logout(person, logout_token(person, **changes)) == 400
    assert [each["event"] for each in logs if each["event"] == "console.sign_out_refused"] != []
    assert person.get("/console/sessions").status_code == 200


@pytest.mark.one_database
def test_a_person_of_another_tenant_cannot_sign_in(person: Person) -> None:
    answer = person.get("/t/acme/console/sign-in")
    assert "console_client_id" in answer.text, "that tenant has no issuer"
    person.sign_in()
    assert person.get("/t/acme/console/sessions").is_redirect


@pytest.mark.one_database
def test_many_sign_ins_that_were_begun_leave_room_in_the_cookie(person: Person) -> None:
    """A browser drops a larger cookie, and no sign-in could be completed until it is closed."""
    long = "/console/verifications?" + urlencode({"tag": "x" * 200, "userId": "y" * 200})
    for number in range(8):
        person.begin("/console/sign-in?" + urlencode({"next": f"{long}&from={number}"}))
    assert len(person.browser.cookies["console-flow-carbon.super"]) < 3_500
    longer = "/console/verifications?" + urlencode({"tag": "x" * 3_000})
    answer = person.get(person.consent(person.begin("/console/sign-in?" + urlencode({"next": longer}))))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console/verifications")


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["sign-in?next=http://[", "sign-in/start?next=//[", "signed-out?at=" + "9" * 5_000])
def test_an_invalid_address_in_a_query_is_no_error(person: Person, path: str) -> None:
    assert person.get(f"/console/{path}").status_code in (200, 302)
    assert person.get("/console/sign-in/start?issuer=" + "9" * 5_000).status_code == 400
    answer = person.get("/console/home/needs", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert answer.status_code == 401


def test_the_issuer_can_sign_many_people_out_at_once(person: Person) -> None:
    person.sign_in()
    for number in range(40):
        assert post_logout(person, logout_token(person, f"user-{number}")) == 200
    for _ in range(31):
        refused = post_logout(person, "forged")
    assert refused == 429
    assert post_logout(person, logout_token(person)) == 200, "forged ones do not prevent it"
    assert person.get("/console/sessions").is_redirect


@pytest.mark.one_database
def test_a_logout_token_concerns_the_issuer_that_it_names_alone(
    settings: Settings, clock: Clock, oidc_provider: OidcProvider
) -> None:
    """Another issuer of the tenant, which does not answer, neither delays it nor counts as having sent it."""
    settings = with_issuers(settings, "http://127.0.0.1:1/silent", oidc_provider.issuer)
    with ConnectorServer(settings, clock) as connector:
        person = Person(connector, oidc_provider)
        person.get(person.consent(person.get("/console/sign-in/start?issuer=1")))
        with capture_logs() as logs:
            assert post_logout(person, logout_token(person)) == 200
            assert post_logout(person, logout_token(person, nonce="n")) == 400
        refused = [each["check"] for each in logs if each["event"] == "console.sign_out_refused"]
        assert (refused, person.trail()) == (["nonce"], ["sign_out_refused", "signed_out", "signed_in"])
        person.browser.close()


@pytest.mark.one_database
def test_tries_are_counted_for_each_client_of_a_proxy(person: Person) -> None:
    for number in range(32):
        client = {"X-Forwarded-For": f"8.8.8.8, 198.51.100.{number % 2}"}
        assert person.get("/console/callback", headers=client).status_code == 400
    answers = [person.get("/console/callback", headers=client).status_code for _ in range(16)]
    assert answers[-1] == 429
