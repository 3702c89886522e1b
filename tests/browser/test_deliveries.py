"""Deliveries and the notice endpoints in the browser."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from connector.domain.deliveries import DeliveryFilter
from connector.domain.notices import CLAIMS_CHANGED, FINISHED, EndpointConfig
from connector.domain.tenancy import Tenant
from connector.services.application.deliveries import StoredDelivery
from connector.store.models import outbox
from tests.browser.test_work import OTHERS
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.harness import World
from tests.services.receiving import Application, Reply

Visit = Callable[..., Visitor]


@pytest.fixture
def application() -> Iterator[Application]:
    with Application() as running:
        yield running


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid.uuid4().hex[:8]}"


def notified(place: World, tenant: str, application: Application) -> tuple[World, str, str]:
    """Verify a user of a tenant whose application is notified; returns the place, the endpoint and the user."""
    world, user_id = with_provider(place, tenant), f"user-{uuid.uuid4().hex[:8]}"
    config = EndpointConfig(application.url, (FINISHED, CLAIMS_CHANGED))
    endpoint, _ = place.connector.services.endpoints.add(Tenant(tenant), config)
    run_id = world.start(world.add_user(user_id))
    world.outcome(run_id)
    world.wait_until(lambda: len(stored(place, tenant, endpoint.endpoint_id)) >= 2)
    return world, endpoint.endpoint_id, user_id


def stored(place: World, tenant: str, endpoint_id: str, *states: str) -> list[StoredDelivery]:
    criteria = DeliveryFilter(states or ("ready", "done", "dead"), endpoint_id=endpoint_id)
    return list(place.connector.services.deliveries.page(Tenant(tenant), criteria, limit=100).rows)


def make_dead(place: World, tenant: str, endpoint_id: str) -> list[str]:
    """Abandon the deliveries of an endpoint once one was tried, as the worker does after twelve attempts."""
    place.wait_until(lambda: any(each.history for each in stored(place, tenant, endpoint_id)))
    ids = [each.delivery_id for each in stored(place, tenant, endpoint_id)]
    with place.connector.services.database.write() as connection:
        dead = {
            "state": "dead",
            "attempts": 12,
            "owner": None,
            "lease_until": None,
            "settled_at": datetime.now(UTC) - timedelta(minutes=5),
        }
        connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(dead))
    return ids


def confirm(page: Page, verb: str) -> None:
    page.locator("dialog[open]").get_by_role("button", name=verb, exact=True).click()


def test_deliveries_are_listed_with_their_answer_and_show_their_attempts(
    visit: Visit, place: World, tenant: str, application: Application
) -> None:
    application.answers(Reply(200, b'{"taken": true}'))
    _, endpoint_id, user_id = notified(place, tenant, application)
    place.wait_until(lambda: len(stored(place, tenant, endpoint_id, "done")) >= 2)
    visitor = visit(tenant=tenant)
    page = visitor.open("/console/deliveries")
    rows = page.locator("section[aria-labelledby=deliveries] tbody tr")
    expect(rows.filter(has_text="Verification finished")).to_have_count(1)
    expect(rows.first).to_contain_text("200 in")
    expect(rows.first).to_contain_text("Delivered")
    expect(page.get_by_text("No delivery became dead in the last 24 hours.")).to_be_visible()
    expect(page.locator(".shares")).to_contain_text("100 %")
    visitor.look("/console/deliveries", "deliveries")
    of_kind = page.locator("section[aria-labelledby=kinds]").get_by_role("row", name="Notice", exact=False)
    expect(of_kind.get_by_role("cell").nth(3)).to_have_text("2")
    of_kind.get_by_role("link", name="2").click()
    expect(page).to_have_url(re.compile(r"kind=tell_change&state=done$"))
    expect(rows).to_have_count(2)
    visit(tenant=OTHERS).open("/console/deliveries/kinds").get_by_text("Nothing was sent yet.").wait_for()
    for query, number in (("kind=tell_change", 2), ("kind=delete_applicant", 0), (f"provider={uuid.uuid4()}", 0)):
        visitor.open(f"/console/deliveries?{query}")
        expect(rows).to_have_count(number)

    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open("/console/deliveries")
    rows.filter(has_text="Verification finished").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Verification finished")).to_be_visible()
    expect(page.get_by_text('{"taken": true}')).to_be_visible()
    expect(page.locator("main")).to_contain_text(user_id)
    expect(page.get_by_text("webhook-signature")).to_be_visible()
    shown = page.locator("section[aria-labelledby=body] pre").inner_text()
    assert shown in [each.raw.decode() for each in application.received]
    expect(page.get_by_role("link", name="Drop")).to_have_count(0)
    visitor.look_at("delivery")


def test_a_delivery_is_resent_and_another_dropped_after_confirmation(
    visit: Visit, place: World, tenant: str, application: Application
) -> None:
    application.answers(Reply(503, b"out of order"))
    _, endpoint_id, _ = notified(place, tenant, application)
    first, second, *_ = make_dead(place, tenant, endpoint_id)
    application.answers(Reply(200))
    visitor = visit(tenant=tenant)
    page = visitor.open("/console/deliveries?state=dead")
    expect(page.get_by_text(re.compile(r"deliver(y|ies) became dead in the last 24 hours"))).to_be_visible()
    visitor.look("/console/deliveries?state=dead", "deliveries-dead")

    page = visitor.open(f"/console/deliveries/{first}")
    visitor.look_at("delivery-given-up")
    page.get_by_role("button", name="Resend", exact=True).click()
    expect(page.get_by_text("It is being sent again, with the same id.")).to_be_visible()
    place.wait_until(lambda: first in {each.delivery_id for each in stored(place, tenant, endpoint_id, "done")})

    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open(f"/console/deliveries/{second}")
    page.get_by_role("link", name="Drop").click()
    expect(page.locator("dialog[open]")).to_contain_text("It will never be sent. The verification is not changed.")
    visitor.look_at("delivery-drop")
    confirm(page, "Drop")
    expect(page.get_by_text("The delivery was dropped.")).to_be_visible()
    assert second not in {each.delivery_id for each in stored(place, tenant, endpoint_id)}
    page = visitor.open("/console/audit?subject=outbox")
    expect(page.locator("tr.entry")).to_have_count(2)


def test_all_dead_deliveries_are_resent_after_a_preview(
    visit: Visit, place: World, tenant: str, application: Application
) -> None:
    application.answers(Reply(503))
    _, endpoint_id, _ = notified(place, tenant, application)
    number = len(make_dead(place, tenant, endpoint_id))
    application.answers(Reply(200))
    visitor = visit(tenant=tenant)
    page = visitor.open("/console/deliveries")
    expect(page.get_by_role("region", name=application.url)).to_contain_text(re.compile("answer 503"))
    page.get_by_role("link", name="Resend all dead since…").click()
    row = page.get_by_role("row", name="The last 24 hours")
    expect(row.get_by_role("cell").nth(1)).to_have_text(str(number))
    visitor.look_at("given-up")
    row.get_by_role("link", name="Resend").click()
    expect(page.locator("dialog[open]")).to_contain_text("The oldest was created:")
    confirm(page, f"Resend {number}")
    expect(page.get_by_text("They are being sent again, at most 200 per second.")).to_be_visible()
    place.wait_until(lambda: len(stored(place, tenant, endpoint_id, "done")) == number)


def test_an_endpoint_is_added_and_tested_and_its_secret_shown_once(
    visit: Visit, place: World, tenant: str, application: Application
) -> None:
    with_provider(place, tenant)
    visitor = visit(tenant=tenant)
    visitor.look("/console/deliveries", "deliveries-empty")
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open("/console/deliveries/endpoints/new")
    visitor.look("/console/deliveries/endpoints/new", "endpoint-new")
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open("/console/deliveries/endpoints/new")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("choose at least one")
    page.get_by_label("URL").fill("https://not-allowed.example.com/x")
    page.get_by_label("Verification finished").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".field-error").first).to_contain_text("allowed_notice_hosts")
    page.get_by_label("URL").fill(application.url)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("It is shown only now")).to_be_visible()
    secret = page.locator(".notice .copy code").inner_text()
    assert secret.startswith("whsec_")
    visitor.look_at("endpoint-secret")

    [endpoint] = place.connector.services.endpoints.all(Tenant(tenant))
    address = f"/console/deliveries/endpoints/{endpoint.endpoint_id}"
    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open(address)
    assert secret not in page.content()
    page.get_by_role("button", name="Send a test notice").click()
    expect(page.get_by_text(re.compile(r"It answered 204 in [\d,]+ ms\."))).to_be_visible()
    application.answers(Reply(500, b"no"))
    page.get_by_role("button", name="Send a test notice").click()
    expect(page.get_by_text("The test notice was not accepted")).to_be_visible()


def test_an_endpoint_is_changed_disabled_and_removed(
    visit: Visit, place: World, tenant: str, application: Application
) -> None:
    config = EndpointConfig(application.url, (FINISHED,))
    endpoint, secret = place.connector.services.endpoints.add(Tenant(tenant), config)
    address = f"/console/deliveries/endpoints/{endpoint.endpoint_id}"
    visitor = visit(tenant=tenant)
    visitor.secrets.append(secret)
    page = visitor.open(address)
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Attributes changed").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The endpoint was changed.")).to_be_visible()
    expect(page.locator("#last-changes").locator("xpath=../..")).to_contain_text("changed the events")
    visitor.look(address, "endpoint")

    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open(address)
    page.get_by_role("link", name="Replace the secret").click()
    confirm(page, "Replace")
    expect(page.get_by_text("notices are also signed with the former one until")).to_be_visible()
    assert page.locator(".notice .copy code").inner_text() != secret

    page = visitor.open(address)
    page.get_by_role("link", name="Disable").click()
    confirm(page, "Disable")
    expect(page.get_by_text("It is disabled: nothing is sent to it.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The endpoint is enabled.")).to_be_visible()
    visitor.look("/console/deliveries/endpoints", "endpoints")

    visitor.page.set_viewport_size({"width": 1280, "height": 900})
    page = visitor.open(address)
    page.get_by_role("link", name="Remove").click()
    confirm(page, "Remove")
    expect(page.get_by_text("The endpoint was removed.")).to_be_visible()
    assert place.connector.services.endpoints.all(Tenant(tenant)) == []


def test_another_tenant_can_neither_see_nor_change_deliveries(
    visit: Visit, place: World, tenant: str, application: Application
) -> None:
    _, endpoint_id, user_id = notified(place, tenant, application)
    [delivery, *_] = stored(place, tenant, endpoint_id)
    stranger = visit(tenant=f"other-{tenant}")
    stranger.secrets += [application.url, user_id]
    page = stranger.open("/console/deliveries")
    expect(page.get_by_text("Nothing was sent yet.")).to_be_visible()
    stranger.open("/console/deliveries/endpoints")
    for path in (delivery.delivery_id, f"{delivery.delivery_id}/drop", f"endpoints/{endpoint_id}"):
        stranger.open(f"/console/deliveries/{path}", 404)
    for name in ("edit", "remove", "rotate", "disable"):
        stranger.open(f"/console/deliveries/endpoints/{endpoint_id}/{name}", 404)


def test_a_viewer_sees_no_buttons(visit: Visit, place: World, tenant: str, application: Application) -> None:
    application.answers(Reply(503))
    _, endpoint_id, _ = notified(place, tenant, application)
    [delivery_id, *_] = make_dead(place, tenant, endpoint_id)
    visitor = visit(scopes=("internal_idv_claim_view", "internal_idvp_view"), tenant=tenant)
    page = visitor.open(f"/console/deliveries/{delivery_id}")
    expect(page.get_by_role("button", name="Resend")).to_have_count(0)
    visitor.open(f"/console/deliveries/{delivery_id}/drop", 403)
    page = visitor.open(f"/console/deliveries/endpoints/{endpoint_id}")
    expect(page.get_by_role("button", name="Send a test notice")).to_have_count(0)
    visitor.open("/console/deliveries/endpoints/new", 403)
