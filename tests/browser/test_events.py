"""The events that Onfido posted, as an administrator sees them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from connector.store.models import events
from tests.bodies import config_properties, event_body, provider_body
from tests.browser.visiting import Visitor
from tests.contract.wire import PROVIDERS
from tests.harness import World

Visit = Callable[..., Visitor]
TOKEN = "webhook-token-of-the-browser"
CLEAR: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")


@pytest.fixture
def provider(place: World) -> str:
    """A provider with one event of a run that ended, one without meaning for the connector, and two refused posts."""
    name = f"Onfido {place.connector.as_admin().get(PROVIDERS).json()['totalResults']}"
    properties = config_properties(place.simulator, webhook_token=TOKEN)
    body = provider_body(place.simulator, name=name, configProperties=properties)
    place.webhook_token = TOKEN
    provider_id: str = place.connector.as_admin().post(PROVIDERS, body).json()["id"]
    place.provider_id = provider_id
    run_id = place.start(place.add_user(f"user-of-{provider_id}"))
    assert place.post_event(event_body(run_id, comparisons=CLEAR, first_name="Anna-Lena")).status_code == 200
    assert place.post_event(event_body("11111111-1111-4111-8111-111111111111")).status_code == 200
    for _ in range(2):
        assert place.post_event(event_body("another"), signature="0" * 64).status_code == 401
    place.connector.services.refused_posts.write()
    return provider_id


def test_the_list_shows_received_and_refused_events(visit: Visit, provider: str) -> None:
    visitor = visit()
    visitor.secrets.append(TOKEN)
    page = visitor.open(f"/console/events?provider={provider}")
    expect(page.get_by_role("region", name="Refused posts").get_by_role("row").nth(1)).to_contain_text("2")
    rows = page.get_by_role("region", name="Events").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("Run ended")
    expect(rows.nth(1)).to_contain_text("workflow_run.completed")
    visitor.look(f"/console/events?provider={provider}", "events")
    visitor.open(f"/console/events?provider={provider}&state=noted&kind=nothing")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    visitor.look_at("events-nothing")


def test_a_body_is_shown_on_request_and_the_request_audited(visit: Visit, place: World, provider: str) -> None:
    visitor = visit()
    page = visitor.open(f"/console/events?provider={provider}&state=applied")
    page.get_by_role("region", name="Events").get_by_role("link").first.click()
    assert "Anna-Lena" not in visitor.text()
    changed = page.get_by_role("region", name="What it changed")
    expect(changed).to_contain_text("Given name, Last name, and Date of birth are verified.")
    address = page.url.removeprefix(visitor.base)
    page.get_by_role("button", name="Show the body").click()
    expect(page.locator("pre")).to_contain_text("Anna-Lena")
    visitor.look_at("event-body")
    visitor.look(address, "event")
    entries = place.connector.as_admin().get("/api/server/v1/audit", params={"subject": "event"}).json()["entries"]
    assert entries[0]["to"] == "read"
    page.get_by_role("region", name="Facts").get_by_role("link").last.click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.locator(".rail [aria-current=page]")).to_contain_text("Verifications")
    page.locator(".by", has_text="Onfido’s event").first.get_by_role("link").click()
    expect(page).to_have_url(f"{visitor.base}{address}")


def test_a_parked_event_is_applied_again(visit: Visit, place: World, provider: str) -> None:
    with place.connector.services.database.write() as connection:
        is_applied = (events.c.provider_id == provider, events.c.state == "applied")
        connection.execute(update(events).where(*is_applied).values(state="parked"))
    visitor = visit()
    page = visitor.open(f"/console/events?provider={provider}&state=parked")
    page.get_by_role("region", name="Events").get_by_role("row").last.get_by_role("link").first.click()
    page.get_by_role("link", name="Apply again").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply again").click()
    expect(page.get_by_text("The event is applied.")).to_be_visible()
    expect(page.get_by_text("It was applied to its verification.")).to_be_visible()


@pytest.mark.one_database
def test_events_are_hidden_from_another_tenant_and_without_the_scope(visit: Visit, place: World, provider: str) -> None:
    event_id = place.connector.as_admin().get("/api/server/v1/events").json()["events"][0]["id"]
    others = visit(tenant="elsewhere.example")
    others.open("/console/events")
    assert "No event yet." in others.text()
    others.open(f"/console/events?provider={provider}")
    assert "workflow_run" not in others.text()
    others.open(f"/console/events/{event_id}", status=404)
    stranger = visit(scopes=("internal_idvp_view",))
    stranger.open("/console/events", status=403)
