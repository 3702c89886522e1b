"""Actions that cannot be undone: what is removed is named by typing its name, and the server compares it."""

from __future__ import annotations

from unicodedata import normalize

import pytest

from connector.domain.tenancy import Tenant
from connector.errors import RequestError
from tests.bodies import provider_body
from tests.contract.wire import ALL_SCOPES, PROVIDERS
from tests.harness import World
from tests.plans.browsing import Console

NAME = "Prüfung  für\u00a0Ämter"  # with two spaces, which a page shows as one, and a no-break space


@pytest.fixture
def console(world: World) -> Console:
    body = provider_body(world.simulator, name=NAME)
    answer = world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body)
    assert answer.ok, answer.text
    return Console(world, "bob", ALL_SCOPES)


@pytest.mark.parametrize("typed", ["", "id", "prüfung für ämter", "Prüfung für"])
def test_a_provider_is_not_deleted_by_another_text_than_its_name(world: World, console: Console, typed: str) -> None:
    text = world.provider_id if typed == "id" else typed

    page = console.post(f"/console/providers/{world.provider_id}/danger/delete", typed=text)

    assert "Nothing was deleted: the typed name does not match." in page
    assert world.connector.services.providers.get(Tenant(world.tenant), world.provider_id).name == NAME


@pytest.mark.parametrize("typed", [NAME, " Prüfung für Ämter ", normalize("NFD", "Prüfung für Ämter")])
def test_a_provider_is_deleted_by_its_name_as_the_page_shows_it(world: World, console: Console, typed: str) -> None:
    path = f"/console/providers/{world.provider_id}/danger/delete"
    assert f"Type {NAME} to confirm" in console.open(path)

    console.post(path, typed=typed)

    with pytest.raises(RequestError):
        world.connector.services.providers.get(Tenant(world.tenant), world.provider_id)
