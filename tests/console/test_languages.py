"""The user's page is in the language that the user chooses on it, or that its address names."""

from __future__ import annotations

import pytest

from tests.console.test_every_page import sign_in
from tests.harness import World

pytestmark = pytest.mark.one_database


def test_a_chosen_language_is_kept_until_another_is_chosen(world: World) -> None:
    world.add_user("somebody")
    browser, url = sign_in(world), f"{world.connector.url}/verify/{world.provider_id}"
    assert 'href="?ui_locales=de"' in browser.get(url, timeout=60).text
    assert "Zustimmen und beginnen" in browser.get(f"{url}?ui_locales=de", timeout=60).text
    for path in ("", "/state"):
        assert "Zustimmen und beginnen" in browser.get(url + path, timeout=60).text, "kept by a cookie"
    page = browser.get(f"{url}?ui_locales=en", timeout=60).text
    assert "Agree and start" in page
    assert 'lang="en" hreflang="en" aria-current="true"' in page
    assert "Agree and start" in browser.get(url, headers={"Accept-Language": "de"}, timeout=60).text


@pytest.mark.parametrize("asked", ["de", "de-CH en", "fr de", "fr%20de_AT"])
def test_an_application_can_choose_the_language_of_the_page(world: World, asked: str) -> None:
    world.add_user("somebody")
    browser = sign_in(world)
    page = browser.get(f"{world.connector.url}/verify?ui_locales={asked}", timeout=60)
    assert page.url == f"{world.connector.url}/verify/{world.provider_id}"
    assert "Zustimmen und beginnen" in page.text


@pytest.mark.parametrize("asked", ["", "xx", "%00", "../de", "<script>"])
def test_an_unknown_language_is_ignored(world: World, asked: str) -> None:
    browser = sign_in(world)
    answer = browser.get(f"{world.connector.url}/verify/{world.provider_id}?ui_locales={asked}", timeout=60)
    assert '<html lang="en"' in answer.text
    assert "language=" not in answer.headers.get("Set-Cookie", "")
    assert "<script>" not in answer.text


def test_the_console_is_english_for_every_chosen_language(world: World) -> None:
    browser = sign_in(world)
    browser.get(f"{world.connector.url}/verify?ui_locales=de", timeout=60)
    assert '<html lang="en"' in browser.get(f"{world.connector.url}/console/providers?ui_locales=de", timeout=60).text
