"""The home page: the state of verification, the administrator's open tasks, and the figures."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from connector.services.providers.deletion import DeleteApplicant
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.models import outbox as outbox_rows
from connector.store.models import verifications
from tests.bodies import config_properties, event_body, provider_body
from tests.browser.visiting import Visitor
from tests.contract.wire import PROVIDERS
from tests.databases import broken
from tests.harness import World
from tests.year import Site, populate

Visit = Callable[..., Visitor]
HOME = "/console/home"
TOKEN = "webhook-token-of-home"


@pytest.fixture
def home(place: World) -> Iterator[World]:
    """A tenant of its own, with a provider."""
    world = World(place.connector, place.simulator, place.clock, tenant=f"home-{uuid.uuid4().hex[:8]}")
    properties = config_properties(place.simulator, webhook_token=TOKEN)
    answer = place.connector.as_admin(world.tenant).post(
        PROVIDERS, provider_body(place.simulator, name="Onfido EU", configProperties=properties)
    )
    assert answer.status_code == 201, answer.text
    world.provider_id, world.webhook_token = answer.json()["id"], TOKEN
    yield world
    place.connector.as_admin(world.tenant).request("DELETE", f"{PROVIDERS}/{world.provider_id}")


def database(world: World) -> Database:
    return world.connector.services.database


def end(world: World, user_id: str, status: str = "approved") -> str:
    run_id = world.start(world.add_user(user_id))
    compared = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
    assert world.post_event(event_body(run_id, status, compared)).ok
    return run_id


def count(world: World) -> None:
    world.connector.services.daily_counts.count_due()


def open_home(visit: Visit, world: World, query: str = "?environment=all") -> Page:
    return visit(tenant=world.tenant).open(HOME + query)


@pytest.mark.one_database
def test_the_home_page_is_legible_in_every_view(visit: Visit, home: World) -> None:
    with database(home).write() as connection:
        populate(connection, [Site(home.tenant, home.provider_id)], 60_000)
    for _ in range(15):
        count(home)
    visitor = visit(tenant=home.tenant)
    visitor.look(HOME, "home")
    visitor.look(f"{HOME}?period=24h", "home-24h")
    visitor.look(f"{HOME}?period=90d&environment=all", "home-90d")


@pytest.mark.one_database
def test_the_home_page_of_a_new_installation_names_the_first_step(visit: Visit) -> None:
    visitor = visit(tenant=f"new-{uuid.uuid4().hex[:8]}")
    page = visitor.open(HOME)
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome. Nothing is set up yet.")
    expect(page.get_by_text("Register a provider.")).to_be_visible()
    visitor.look(HOME, "home-first")


def test_the_home_page_lists_the_administrators_open_tasks(visit: Visit, home: World) -> None:
    end(home, "ann", "review")
    home.start(home.add_user("bea"))
    with database(home).write() as connection:
        old = update(verifications).where(verifications.c.tenant == home.tenant, verifications.c.user_id == "bea")
        connection.execute(old.values(created_at=home.clock() - timedelta(days=8)))
        outbox.add(connection, DeleteApplicant(home.tenant, home.provider_id, "none"))
        mine = update(outbox_rows).where(outbox_rows.c.tenant == home.tenant, outbox_rows.c.kind == "delete_applicant")
        connection.execute(mine.values(state="dead", settled_at=outbox_rows.c.created_at))
    assert home.post_event(b"{}", signature="0" * 64).status_code == 401
    home.connector.services.refused_posts.write()  # by itself, it writes once a minute
    claims = [{"localClaim": f"urn:{name}", "idvpClaim": name} for name in ("first_name", "last_name", "address.town")]
    properties = config_properties(home.simulator, webhook_token=TOKEN)
    body = provider_body(home.simulator, name="Onfido EU", claims=claims, configProperties=properties)
    assert home.connector.as_admin(home.tenant).put(f"{PROVIDERS}/{home.provider_id}", body).ok

    page = open_home(visit, home)

    expect(page.get_by_role("heading", level=1)).to_have_text("Verification works. 5 things need attention.")
    needs = page.get_by_role("region", name="Needs you")
    for sentence in (
        "1 verification waits for a review.",
        "1 run is open for more than a week.",
        "1 delivery is dead.",
        "1 post of Onfido's to “Onfido EU” was refused.",
        "Addresses cannot be verified with “Onfido EU”.",
    ):
        expect(needs).to_contain_text(sentence)
    needs.get_by_role("link", name="Map it").click()
    expect(page.get_by_text("Onfido accepts no address without").first).to_be_visible()


def test_runs_that_wait_for_a_decision_at_onfido_are_listed_apart_from_reviews(visit: Visit, home: World) -> None:
    end(home, "ann", "review")
    run_id = home.start(home.add_user("bea"))
    with database(home).write() as connection:
        of_run = update(verifications).where(verifications.c.run_id == run_id)
        connection.execute(of_run.values(decision_awaited_at=home.clock() - timedelta(hours=2)))
    visitor = visit(tenant=home.tenant)
    page = visitor.open(f"{HOME}?environment=all")
    needs = page.get_by_role("region", name="Needs you")
    expect(needs).to_contain_text("1 verification waits for a review.")
    expect(needs).to_contain_text("1 run waits for a manual decision at Onfido.")
    visitor.look_at("home-decision-awaited")
    needs.get_by_role("listitem").filter(has_text="manual decision").get_by_role("link", name="View").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("row").last.get_by_role("link").first.click()
    expect(page.get_by_text("A manual decision is awaited at Onfido")).to_be_visible()
    visitor.look_at("verification-decision-awaited")


def test_no_task_is_listed_when_everything_is_in_order(visit: Visit, home: World) -> None:
    page = open_home(visit, home)
    expect(page.get_by_role("heading", level=1)).to_have_text("Verification works. Nothing needs attention.")
    expect(page.get_by_text("No verification was started in this period.")).to_be_visible()


def test_the_numbers_belong_to_the_chosen_period_and_filters(visit: Visit, home: World) -> None:
    end(home, "ann")
    end(home, "bea", "declined")
    count(home)
    page = open_home(visit, home)
    figures = page.locator(".figures")
    expect(figures).to_contain_text("50 %")
    funnel = page.get_by_role("region", name="Where people give up")
    expect(funnel).to_contain_text("1 were declined, or wait for a review")
    page.get_by_text("The same as a table").click()
    row = page.get_by_role("table").get_by_role("row").filter(has_text=f"{home.clock():%-d %b}").last
    expect(row.get_by_role("cell")).to_have_text(["1", "0", "1", "0", "0"])

    page.get_by_role("link", name="90 days", exact=True).click()
    expect(page.get_by_role("link", name="90 days", exact=True)).to_have_attribute("aria-current", "page")
    assert "environment=all" in page.url
    assert "period=90d" in page.url
    page.get_by_role("link", name="24 hours", exact=True).click()
    expect(page.get_by_role("region", name="Results", exact=True)).to_contain_text("Approved")
    page.get_by_role("link", name="Remove the filter Environment").click()
    expect(page.get_by_text("Nothing has ended in this period.")).to_be_visible()  # it ran in the sandbox


def test_a_part_of_the_home_page_that_fails_leaves_the_others(visit: Visit, home: World) -> None:
    end(home, "ann", "review")
    visitor = visit(tenant=home.tenant)
    with broken(
        database(home),
        "ALTER TABLE monthly_counts RENAME TO elsewhere",
        "ALTER TABLE elsewhere RENAME TO monthly_counts",
    ):
        page = visitor.open(HOME)
        expect(page.get_by_text("This part could not be looked up.")).to_be_visible()
        expect(page.get_by_text("1 verification waits for a review.")).to_be_visible()
        expect(page.get_by_text("1 thing could not be looked up.")).to_be_visible()
        expect(page.get_by_role("region", name="Providers", exact=True)).to_contain_text("Onfido EU")
    page = visitor.open(HOME)
    expect(page.get_by_text("This part could not be looked up.")).to_have_count(0)


@pytest.mark.one_database
def test_a_person_sees_the_parts_that_their_permissions_allow(visit: Visit, home: World) -> None:
    end(home, "ann", "review")
    page = visit(scopes=("internal_idvp_view",), tenant=home.tenant).open(HOME)
    expect(page.get_by_role("region", name="Providers", exact=True)).to_be_visible()
    expect(page.get_by_text("waits for a review")).to_have_count(0)
    expect(page.locator(".figures")).to_have_count(0)
    page = visit(scopes=("internal_idv_claim_view",), tenant=home.tenant).open(HOME)
    expect(page.get_by_text("1 verification waits for a review.")).to_be_visible()
    expect(page.get_by_role("region", name="Providers", exact=True)).to_have_count(0)
    page = visit(scopes=("internal_login",), tenant=home.tenant).open(HOME)
    expect(page.get_by_text("The numbers need the permission internal_idv_claim_view")).to_be_visible()


@pytest.mark.one_database
def test_an_invalid_period_is_refused_in_its_part(visit: Visit, home: World) -> None:
    page = visit(tenant=home.tenant).open(f"{HOME}?from=2026-02-01&to=2026-01-01")
    expect(page.get_by_text("must not be after")).to_be_visible()
    expect(page.get_by_role("region", name="Providers", exact=True)).to_be_visible()


def test_the_home_page_shows_another_tenant_none_of_the_data(visit: Visit, home: World, place: World) -> None:
    end(home, "ann", "review")
    count(home)
    other = f"other-{uuid.uuid4().hex[:8]}"
    body = provider_body(place.simulator, name="Another")
    assert place.connector.as_admin(other).post(PROVIDERS, body).status_code == 201
    page = visit(tenant=other).open(f"{HOME}?environment=all")
    expect(page.get_by_role("heading", level=1)).to_have_text("Verification works. Nothing needs attention.")
    assert "Onfido EU" not in page.content()
    assert page.locator(".figures").inner_text().count("0") >= 1
    visit(tenant=other).open(f"{HOME}?provider={home.provider_id}")  # no such provider here: the filter is left out


@pytest.mark.one_database
def test_the_home_page_is_updated_live(visit: Visit, home: World) -> None:
    page = open_home(visit, home)
    expect(page.get_by_text("Nothing needs attention.").first).to_be_visible()
    end(home, "ann", "review")
    page.evaluate("htmx.ajax('GET', document.querySelector('[data-live]').getAttribute('hx-get'), '[data-live]')")
    expect(page.get_by_role("heading", level=1)).to_have_text("Verification works. 1 thing needs attention.")


def test_every_action_is_possible_without_javascript(visit: Visit, home: World) -> None:
    end(home, "ann", "review")
    page = visit(tenant=home.tenant, javascript=False).open(HOME)
    expect(page.get_by_text("1 verification waits for a review.")).to_be_visible()
