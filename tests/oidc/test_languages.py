"""The pages of a request are in the user's language: the chosen one, the client's, or the browser's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import World
from tests.oidc.relying_party import RelyingParty, UserBrowser, register, run_of

pytestmark = pytest.mark.one_database

GERMAN, ENGLISH = "Zustimmen und weiter", "Agree and continue"


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world)


def opened(party: RelyingParty, accepted: str | None = None, **changes: Any) -> UserBrowser:
    """Return a browser that has opened a request."""
    browser = UserBrowser(party)
    if accepted is not None:
        browser.session.headers["Accept-Language"] = accepted
    browser.authorize(party.push(**changes))
    return browser


@pytest.mark.parametrize(
    ("accepted", "ui_locales", "text"),
    [
        *((None, None, ENGLISH), ("de-CH, de;q=0.9", None, GERMAN), ("fr, de;q=0.5", None, GERMAN)),
        *(("fr", None, ENGLISH), ("en", "de", GERMAN), ("en", "fr de-AT en", GERMAN), ("de", "en-GB de", ENGLISH)),
        *(("de", "fr es", GERMAN), ("de", "", GERMAN), ("de", "../../de en", ENGLISH), ("en", "DE_de", GERMAN)),
    ],
)
def test_the_language_of_the_request_precedes_the_browsers(
    party: RelyingParty, accepted: str | None, ui_locales: str | None, text: str
) -> None:
    page = opened(party, accepted, ui_locales=ui_locales).look()
    assert text in page.text
    assert f'<html lang="{"de" if text == GERMAN else "en"}"' in page.text


def test_the_language_chosen_by_the_user_precedes_the_requests_and_is_kept(world: World, party: RelyingParty) -> None:
    browser = opened(party, ui_locales="en")
    assert 'href="?ui_locales=de" lang="de" hreflang="de"' in browser.look().text
    chosen = browser.get(f"{browser.page}?ui_locales=de")
    assert GERMAN in chosen.text
    assert "HttpOnly" in chosen.headers["Set-Cookie"]
    assert GERMAN in browser.look().text
    browser.start()
    assert "Da weitermachen" in browser.look().text
    [run] = [each for each in world.onfido_state()["runs"] if each["id"] == run_of(world)]
    assert run["link"]["language"] == "de_DE", "Onfido's own page too"
    browser.get(f"{browser.page}?ui_locales=xx")
    assert "Da weitermachen" in browser.look().text, "a language that there is not changes nothing"


def test_the_other_pages_of_a_request_are_translated_too(party: RelyingParty) -> None:
    browser = opened(party, ui_locales="de")
    browser.session.headers["Accept-Language"] = "de"
    browser.press("leave")
    assert "Diese Anfrage ist abgeschlossen" in browser.look().text
    assert "nicht fortgesetzt" in browser.get("/oauth2/authorize").text
    assert "gibt es nicht" in browser.get("/oauth2/flows/none").text


def test_the_metadata_lists_the_languages(party: RelyingParty) -> None:
    assert party.metadata()["ui_locales_supported"] == ["en", "de"]
