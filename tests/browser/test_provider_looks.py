"""Pages of a provider in every view: a complete set-up, the comparison with another one, and its secrets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from connector.domain.notices import FINISHED, EndpointConfig
from connector.domain.tenancy import Tenant
from tests.bodies import config_properties, event_body, provider_body
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.contract.wire import PROVIDERS
from tests.harness import World
from tests.services.environments import LIVE
from tests.services.receiving import Application

Visit = Callable[..., Visitor]
CLEAR: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")
pytestmark = pytest.mark.one_database


def test_a_complete_set_up_is_one_line_that_unfolds(visit: Visit, place: World) -> None:
    world, admin = with_provider(place), place.connector.as_admin()
    name = admin.get(f"{PROVIDERS}/{world.provider_id}").json()["name"]
    properties = config_properties(place.simulator, token=LIVE, webhook_token=world.webhook_token)
    body = provider_body(place.simulator, name=name, configProperties=properties)
    assert admin.put(f"{PROVIDERS}/{world.provider_id}", body).ok
    run_id = world.start(world.add_user(f"user-of-{world.provider_id}"))
    assert world.post_event(event_body(run_id, comparisons=CLEAR)).ok
    visitor = visit()
    page = visitor.open(f"/console/providers/{world.provider_id}/setup")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", name="All 8 steps are done.")).to_be_visible()
    visitor.look(f"/console/providers/{world.provider_id}/setup", "provider-set-up")
    page.get_by_role("link", name="Show the steps").click()
    expect(page.locator(".steps > li")).to_have_count(8)
    page.goto(f"{visitor.base}/console/providers/{world.provider_id}")
    expect(page.get_by_role("link", name="Attributes", exact=True)).to_have_attribute("aria-current", "page")


def test_the_guide_sends_a_test_notice_and_offers_the_example_application(visit: Visit, place: World) -> None:
    world = with_provider(place)
    visitor = visit()
    with Application() as application:
        config = EndpointConfig(application.url, (FINISHED,), world.provider_id)
        world.connector.services.endpoints.add(Tenant(world.tenant), config)
        page = visitor.open(f"/console/providers/{world.provider_id}/setup")
        page.get_by_role("button", name="Send a test notice").click()
        expect(page.get_by_text("It answered 20")).to_be_visible()
        assert page.url.endswith("/setup")
        expect(page.get_by_text("The application accepted a notice.")).to_be_visible()
    page.get_by_text("How to start it with this provider").click()
    expect(page.get_by_text(f"PROVIDER_ID={world.provider_id}")).to_be_visible()
    visitor.look_at("provider-set-up-notice")
    with page.expect_download() as download:
        page.get_by_role("link", name="Example application").click()
    assert download.value.suggested_filename == "web-app.zip"


def test_two_providers_are_compared_side_by_side(visit: Visit, place: World) -> None:
    world, other = with_provider(place), with_provider(place, description="for customers", image="/logo.svg")
    visitor = visit()
    page = visitor.open(f"/console/providers/{world.provider_id}/general")
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Other provider").select_option(other.provider_id)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("table", name="Settings that differ")).to_contain_text("for customers")
    visitor.look_at("provider-compared")
    page.get_by_role("button", name="Copy to").click()
    expect(page.get_by_role("heading", name="What the file changes")).to_be_visible()
    visitor.look_at("provider-copied")


def test_the_list_of_providers_shows_their_images(visit: Visit, place: World) -> None:
    world, visitor = with_provider(place, image="/console/static/icon.svg"), visit()
    page = visitor.open("/console/providers")
    row = page.get_by_role("row").filter(has=page.locator(f'a[href$="/{world.provider_id}"]'))
    assert row.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    visitor.look_at("providers-with-image")


def test_the_pages_of_secrets_and_of_a_new_provider_are_legible(visit: Visit, place: World) -> None:
    world, visitor = with_provider(place), visit()
    visitor.look(f"/console/providers/{world.provider_id}/secrets", "provider-secrets-changed")
    visitor.look(f"/console/providers/{world.provider_id}/capture", "provider-capture-monitor")
    visitor.look("/console/providers/new", "provider-new-dialect")
