"""Habits of people at a browser: a double click, the back button, a removed object in another tab."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from connector.domain.tenancy import Tenant
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.contract.wire import ENDPOINTS, PROVIDERS
from tests.harness import World

Visit = Callable[..., Visitor]
pytestmark = pytest.mark.one_database


def test_a_double_click_adds_one_endpoint_and_the_back_button_none(visit: Visit, place: World) -> None:
    url = f"http://127.0.0.1:9/{uuid.uuid4()}"
    page = visit().open("/console/deliveries/endpoints/new")
    page.get_by_label("URL").fill(url)
    page.get_by_label("Verification finished").check()
    page.get_by_role("button", name="Add").dblclick()
    expect(page.get_by_text("This is its secret.")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Add an endpoint")).to_be_visible()
    added = place.connector.as_admin().get(ENDPOINTS).json()["endpoints"]
    assert [each["url"] for each in added].count(url) == 1


def test_the_back_button_after_a_removal_leads_to_no_page_of_it(visit: Visit, place: World) -> None:
    world = with_provider(place)
    visitor = visit()
    name = place.connector.services.providers.get(Tenant(world.tenant), world.provider_id).name
    page = visitor.open(f"/console/providers/{world.provider_id}/danger")
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("to confirm").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(f"{visitor.base}/console/providers")
    page.go_back()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    assert world.provider_id not in [
        each["id"] for each in place.connector.as_admin().get(PROVIDERS).json()["identityVerificationProviders"]
    ]


def test_a_provider_that_was_removed_in_another_tab_is_reported_when_it_is_saved(visit: Visit, place: World) -> None:
    world = with_provider(place)
    page = visit().open(f"/console/providers/{world.provider_id}/limits")
    page.get_by_label("Verifications a user may start").fill("7")
    place.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page.get_by_role("link", name="To the first page")).to_be_visible()
