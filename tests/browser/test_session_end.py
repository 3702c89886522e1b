"""A session that ends while its person works: nothing that was typed is lost, and no part shows a sign-in page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from connector.domain.tenancy import DEFAULT_TENANT, Tenant
from connector.store.models import console_sessions
from tests.browser.visiting import ALL_SCOPES, Visitor
from tests.browser.worlds import with_provider
from tests.harness import World

Visit = Callable[..., Visitor]
SIGN_IN = re.compile(r"/console/sign-in\?")
IDLE = 1_801  # seconds: a little more than `console_idle_time`
pytestmark = pytest.mark.one_database


def be_idle(place: World, page: Page) -> None:
    """End the session in the database, since moving the clock would put it ahead of Onfido's in later tests.

    Before that the page has loaded all of its parts: one that comes later shows that the session has ended.
    """
    page.wait_for_load_state("networkidle")
    with place.connector.services.database.write() as connection:
        connection.execute(update(console_sessions).values(seen_at=place.clock() - timedelta(seconds=IDLE)))


def sign_in_again(visitor: Visitor, page: Page) -> None:
    """Follow the link to the sign-in; the issuer's part is played by a one-time link."""
    page.get_by_role("link", name="Sign in", exact=True).click()
    page.wait_for_url(SIGN_IN)
    following = page.evaluate("new URL(location.href).searchParams.get('next')")
    secret = visitor.place.connector.services.console_sessions.make_link(Tenant(DEFAULT_TENANT), "admin", ALL_SCOPES)
    page.goto(f"{visitor.base}/console/link/{secret}?next={following}")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_a_form_comes_back_after_the_sign_in(visit: Visit, place: World, *, javascript: bool) -> None:
    world = with_provider(place)
    visitor = visit(javascript=javascript)
    page = visitor.open(f"/console/providers/{world.provider_id}/general")
    name = f"Müller's “Bank” <b> עברית 🏦 {uuid.uuid4()}"
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description").fill("typed for a long time")
    be_idle(place, page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()

    sign_in_again(visitor, page)

    expect(page.get_by_text("this is not saved yet")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value(name)
    expect(page.get_by_label("Description")).to_have_value("typed for a long time")
    if javascript:
        visitor.look_at("form-again")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def test_a_live_part_says_that_the_session_has_ended_and_leaves_the_page(visit: Visit, place: World) -> None:
    world = with_provider(place)
    visitor = visit()
    path = f"/console/providers/{world.provider_id}/setup"
    page = visitor.open(path)
    be_idle(place, page)

    hint = page.get_by_role("alert").filter(has_text="You are signed out")
    expect(hint).to_be_visible(timeout=120_000)
    expect(page.locator("#steps").get_by_text("Onfido accepts the credentials")).to_be_visible()
    expect(page.locator("#steps").get_by_text("Sign in")).to_have_count(0)
    assert page.url.endswith(path)
    visitor.look_at("signed-out-live")

    sign_in_again(visitor, page)
    assert page.url.endswith(path)


def test_an_act_that_asks_first_leads_to_the_sign_in_and_back(visit: Visit, place: World) -> None:
    world = with_provider(place)
    visitor = visit()
    path = f"/console/providers/{world.provider_id}/danger"
    page = visitor.open(path)
    be_idle(place, page)
    page.get_by_role("link", name="Disable").click()
    page.wait_for_url(SIGN_IN)
    assert path.replace("/", "%2F") in page.url or path in page.url
