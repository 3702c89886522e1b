"""The notices of a provider in the browser: the whole life of an endpoint on the tab, and the last changes below."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from connector.domain.notices import Endpoint
from connector.domain.tenancy import Tenant
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.harness import World
from tests.services.receiving import Application

Visit = Callable[..., Visitor]
NO_ENDPOINT = "No endpoint yet."


def endpoints_of(world: World) -> list[Endpoint]:
    known = world.connector.services.endpoints.all(Tenant(world.tenant), world.provider_id)
    return [each for each in known if each.config.provider_id == world.provider_id]


def do(page: Page, name: str, verb: str) -> None:
    """Start an action that asks for confirmation, and confirm it."""
    page.get_by_role("link", name=name).click()
    page.get_by_role("dialog").get_by_role("button", name=verb).click()


def test_an_endpoint_is_managed_on_its_providers_tab(visit: Visit, place: World) -> None:
    world = with_provider(place, tenant="notices.example")
    visitor = visit(tenant=world.tenant)
    path = f"/console/providers/{world.provider_id}/notices"
    page = visitor.open(path)
    expect(page.get_by_text(NO_ENDPOINT)).to_be_visible()
    visitor.look(path, "provider-notices-empty")
    with Application() as application:
        page.get_by_role("link", name="Add an endpoint").click()
        expect(page.get_by_label("Provider")).to_have_value(world.provider_id)
        page.get_by_label("URL").fill(application.url)
        page.get_by_label("Verification finished").check()
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_text("This is its secret. It is shown only now")).to_be_visible()
        [endpoint] = endpoints_of(world)
        page.get_by_role("link", name="Back to the provider’s notices").click()
        page.get_by_role("button", name="Send a test notice").click()
        expect(page.get_by_text("It answered 20")).to_be_visible()
        page.get_by_role("link", name="Change", exact=True).click()
        page.get_by_label("Attributes changed").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("The endpoint was changed.")).to_be_visible()
        assert len(endpoints_of(world)[0].config.events) == 2
        visitor.look(path, "provider-notices")
        do(page, "Disable", "Disable")
        expect(page.get_by_text("The endpoint is disabled.")).to_be_visible()
        assert endpoints_of(world)[0].disabled_because == "administrator"
        page.get_by_role("button", name="Enable").click()
        expect(page.get_by_text("The endpoint is enabled.")).to_be_visible()
        do(page, "Replace the secret", "Replace")
        expect(page.get_by_text("This is its secret. It is shown only now")).to_be_visible()
        page.get_by_role("link", name="Back to the provider’s notices").click()
        do(page, "Remove", "Remove")
        expect(page.get_by_text(NO_ENDPOINT)).to_be_visible()
    assert endpoints_of(world) == []
    assert endpoint.config.url == application.url


@pytest.mark.one_database
def test_a_viewer_sees_no_buttons_and_another_tenant_no_endpoint(visit: Visit, place: World) -> None:
    world = with_provider(place)
    path = f"/console/providers/{world.provider_id}/notices"
    page = visit(scopes=("internal_idvp_view",), user="viewer").open(path)
    expect(page.get_by_role("link", name="Add an endpoint")).to_have_count(0)
    visit(tenant="stranger.example").open(path, status=404)


@pytest.mark.one_database
@pytest.mark.parametrize(
    "tab", ["setup", "attributes", "workflow", "capture", "general", "notices", "limits", "danger"]
)
def test_every_tab_shows_its_latest_change(visit: Visit, place: World, tab: str) -> None:
    world = with_provider(place)
    page = visit().open(f"/console/providers/{world.provider_id}/{tab}")
    expect(page.get_by_role("region", name="Last changes").get_by_text("admin added the provider")).to_be_visible()
