"""Before a user agrees, the page says what is stored, where, and for how long."""

from __future__ import annotations

import pytest

from tests.bodies import provider_body
from tests.console.test_every_page import sign_in
from tests.contract.wire import PROVIDERS
from tests.harness import World

pytestmark = pytest.mark.one_database


def shown(world: World, language: str) -> str:
    browser = sign_in(world)
    browser.headers["Accept-Language"] = language
    return browser.get(f"{world.connector.url}/verify/{world.provider_id}", timeout=60).text


@pytest.mark.parametrize(
    ("language", "sentence", "of_document"),
    [
        ("en", "What led to it is stored for 30 days", "nationality of your document"),
        ("de", "Wie es zustande kam, wird 30 Tage lang aufbewahrt", "Staatsangehörigkeit Ihres Dokuments"),
    ],
)
def test_a_user_is_told_what_is_stored_and_for_how_long(
    world: World, language: str, sentence: str, of_document: str
) -> None:
    world.add_user("somebody")
    page = shown(world, language)
    assert sentence in page
    assert of_document not in page

    body = provider_body(world.simulator, studio={"documentValues": True})
    assert world.connector.as_admin(world.tenant).put(f"{PROVIDERS}/{world.provider_id}", body).ok

    assert of_document in shown(world, language)
