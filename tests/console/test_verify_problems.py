"""The user's page explains why a verification cannot start, and the next step, in the user's language."""

from __future__ import annotations

import re

import pytest
import requests

from tests.console.test_every_page import sign_in
from tests.harness import World
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, VALUES

pytestmark = pytest.mark.one_database


def start(world: World, values: dict[str, str], language: str = "de") -> requests.Response:
    """Press the button of the page."""
    world.add_user("somebody", values)
    browser, url = sign_in(world), f"{world.connector.url}/verify/{world.provider_id}"
    browser.headers["Accept-Language"] = language
    page = browser.get(url, timeout=60)
    [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)
    return browser.post(f"{url}/start", {"csrf_token": token}, timeout=60, allow_redirects=False)


def alert(answer: requests.Response) -> str:
    """Return the page's alerts, without markup."""
    [text] = re.findall(r'role="alert">(.*?)</div>', answer.text, re.DOTALL)
    return re.sub(r"<[^>]+>", "", text)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "It has no entry for: Last name."), ("de", "Darin fehlt: Nachname.")]
)
def test_a_value_that_onfido_requires_and_the_profile_lacks_is_named(world: World, language: str, words: str) -> None:
    answer = start(world, {GIVEN_NAME: "Ann", BIRTH_DATE: "1990-01-01"}, language)
    assert (answer.status_code, words in alert(answer)) == (400, True), answer.text
    assert world.onfido_state()["runs"] == []


@pytest.mark.parametrize("values", [{BIRTH_DATE: "yesterday"}, {LAST_NAME: "<script>"}])
def test_a_value_that_cannot_be_sent_must_be_corrected(world: World, values: dict[str, str]) -> None:
    answer = start(world, VALUES | values)
    assert (answer.status_code, "Ein Eintrag kann so nicht geprüft werden" in alert(answer)) == (400, True), answer.text
    assert not any(each in alert(answer) for each in values.values())


def test_a_refusal_by_onfido_is_not_an_outage(world: World) -> None:
    world.faults(route="POST /applicants", failed=1, failed_status=422)
    answer = start(world, VALUES)
    assert "Nothing was lost" not in answer.text
    assert (answer.status_code, "Ein Eintrag kann so nicht geprüft werden" in alert(answer)) in (
        (400, True),
        (503, False),
    )


def test_an_outage_names_the_time_to_retry(world: World) -> None:
    world.faults(route="POST /applicants", failed=-1, failed_status=503)
    answer = start(world, VALUES)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "Es ging nichts verloren." in alert(answer)


def test_a_refused_token_of_the_provider_is_not_reported_as_the_users_error(world: World) -> None:
    world.faults(route="POST /applicants", failed=-1, failed_status=401)
    answer = start(world, VALUES)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, False)
    assert "Es liegt nicht an Ihnen." in alert(answer)
