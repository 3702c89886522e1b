"""Sign-in, sign-out and errors of the user's page: in the user's language, with a link back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import requests

from connector.settings import Issuer, Settings
from connector.settings.tenants import Tenant as TenantSettings
from tests.console.test_every_page import sign_in
from tests.harness import HTTP, Clock, ConnectorServer, World
from tests.oidc.relying_party import UserBrowser, register
from tests.ports import free_port

LANGUAGES = ("en", "de")


def issuer(*, shares_users: bool = False) -> Issuer:
    """Return an issuer that does not answer."""
    return Issuer(
        f"http://127.0.0.1:{free_port()}", "connector", console_client_id="console", shares_users=shares_users
    )


@pytest.fixture
def clock() -> Clock:
    """The clock of this test's connector."""
    return Clock()


@pytest.fixture
def connector(new_settings: Callable[..., Settings], clock: Clock) -> Iterator[ConnectorServer]:
    """A connector whose first tenant has two issuers, and another has one."""
    issuers = (issuer(shares_users=True), issuer(shares_users=True))
    tenants = (TenantSettings("acme", issuers=(issuer(),)),)
    settings = new_settings("sqlite", issuers=issuers, tenants=tenants)
    with ConnectorServer(settings, clock) as running:
        yield running


@pytest.fixture
def page(world: World) -> str:
    world.add_user("somebody")
    return f"/verify/{world.provider_id}"


def get(world: World, path: str, language: str, browser: requests.Session = HTTP) -> requests.Response:
    """Load a page, and check its language."""
    answer = browser.get(world.connector.url + path, headers={"Accept-Language": language}, timeout=60)
    assert f'<html lang="{language}"' in answer.text, answer.text
    return answer


def post(browser: requests.Session, world: World, path: str, page: requests.Response, **form: str) -> requests.Response:
    [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)
    headers = {"Accept-Language": "de"}
    return browser.post(
        world.connector.url + path, {"csrf_token": token} | form, headers=headers, timeout=60, allow_redirects=False
    )


@pytest.mark.parametrize(("language", "words"), [("en", "Sign in at 127.0.0.1:"), ("de", "Anmelden bei 127.0.0.1:")])
def test_the_choice_of_an_issuer_is_translated_and_keeps_the_page(
    world: World, page: str, language: str, words: str
) -> None:
    answer = get(world, page, language)
    assert answer.url.endswith(f"/console/sign-in?next={page}")
    assert answer.text.count(words) == 2
    other = "de" if language == "en" else "en"
    [link] = re.findall(rf'href="([^"]+)" lang="{other}"', answer.text)
    address = answer.url.split("?")[0] + link.replace("&amp;", "&")
    with requests.Session() as browser:
        chosen = browser.get(address, headers={"Accept-Language": language}, timeout=60)
    assert f'<html lang="{other}"' in chosen.text
    assert len(re.findall(rf'sign-in/start\?issuer=\d&amp;next={page}"', chosen.text)) == 2


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "The identity provider does not answer."), ("de", "Der Identitätsanbieter antwortet nicht.")],
)
def test_a_failed_sign_in_is_reported_and_leads_back_to_the_page(
    world: World, page: str, language: str, words: str
) -> None:
    answer = get(world, f"/t/acme/console/sign-in?next=/t/acme{page}", language)
    assert (answer.status_code, words in answer.text) == (400, True)
    assert f'href="/t/acme/console/sign-in?next=/t/acme{page}&amp;stay=1"' in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sign_in_that_another_browser_started_is_refused(world: World, language: str) -> None:
    answer = get(world, "/console/callback?state=unknown&code=secret", language)
    word = {"en": "Start again.", "de": "Beginnen Sie noch einmal."}[language]
    assert (answer.status_code, word in answer.text, "secret" in answer.text) == (400, True, False)


def test_a_user_can_sign_out_on_the_page_and_sign_in_again(world: World, page: str) -> None:
    browser = sign_in(world)
    shown = get(world, page, "de", browser)
    assert "Abmelden" in shown.text
    answer = post(browser, world, "/console/sign-out", shown, next=page)
    assert answer.status_code == 302
    out = get(world, answer.headers["Location"], "de", browser)
    assert "Sie sind abgemeldet" in out.text
    assert f'href="/console/sign-in?stay=1&amp;next={page}"' in out.text
    assert "/console/sign-in" in get(world, page, "de", browser).url
    elsewhere = get(world, "/console/signed-out?next=https://evil.example/verify", "en")
    assert "evil.example" not in elsewhere.text.replace("ui_locales", "").split("</main>")[0].split("<nav")[0]


def test_an_ended_session_leads_back_to_the_page(world: World, page: str) -> None:
    browser = sign_in(world)
    shown = get(world, page, "de", browser)
    world.clock.advance(9 * 3600)
    answer = post(browser, world, f"{page}/start", shown)
    assert (answer.status_code, "Location" in answer.headers) == (401, False), "no form may lead to the issuer"
    assert f'content="0;url=/console/sign-in?next={page}"' in answer.text
    assert "Erneut anmelden" in answer.text
    part = browser.get(f"{world.connector.url}{page}/state", headers={"HX-Request": "true"}, timeout=60)
    assert (part.status_code, part.headers["HX-Redirect"]) == (401, f"/console/sign-in?next={page}")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/verify/none", 404, "Diese Seite gibt es nicht"),
        ("/console/link/used", 400, "Dieser Link wurde schon benutzt oder ist abgelaufen."),
        ("/verify/none/accent.css", 404, "Diese Seite gibt es nicht"),
    ],
)
def test_error_pages_are_translated(world: World, path: str, status: int, words: str) -> None:
    answer = get(world, path, "de", sign_in(world))
    assert (answer.status_code, words in answer.text) == (status, True)
    assert 'href="/console"' not in answer.text


def test_a_form_from_another_site_is_refused_in_german(world: World, page: str) -> None:
    browser = sign_in(world)
    answer = browser.post(world.connector.url + page + "/start", headers={"Accept-Language": "de"}, timeout=60)
    assert (answer.status_code, "Es wurde nichts getan" in answer.text) == (400, True)
    assert 'href="/verify"' in answer.text


def test_the_address_of_a_form_redirects_to_the_page(world: World, page: str) -> None:
    """Browsers load it when the user reloads or returns."""
    assert get(world, f"{page}/start", "de", sign_in(world)).url == world.connector.url + page


def test_too_many_sign_ins_are_refused_in_german(world: World, page: str) -> None:
    for _ in range(35):
        answer = HTTP.get(f"{world.connector.url}/console/callback", headers={"Accept-Language": "de"}, timeout=60)
    assert (answer.status_code, "Versuchen Sie es in einer Minute noch einmal." in answer.text) == (429, True)
    del page


def test_the_sign_in_for_an_openid_request_is_in_its_language(world: World) -> None:
    party = register(world, profile="ida")
    browser = UserBrowser(party)
    browser.authorize(party.push({"id_token": {"verified_claims": {"claims": {"given_name": None}}}}, ui_locales="de"))
    location = browser.look().headers["Location"]
    page = browser.session.get(world.connector.url + location, headers={"Accept-Language": "en"}, timeout=60)
    assert "Anmelden bei 127.0.0.1:" in page.text
    assert "language" not in browser.session.cookies, "the user has not chosen it"
    assert page.text.count("for_locales=de") >= 2, "the sign-in that begins here, too"
