"""Two administrators who edit the same object concurrently: nothing is overwritten silently."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Page, expect

from connector.domain.providers.provider import Provider
from connector.domain.tenancy import Tenant
from tests.bodies import API_TOKEN
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.contract.wire import ALL_SCOPES, ENDPOINTS
from tests.harness import World
from tests.plans.browsing import Console

Visit = Callable[..., Visitor]
URLS = [f"http://127.0.0.1:{number}/notices" for number in (9443, 9444, 9445)]


def provider_of(world: World) -> Provider:
    return world.connector.services.providers.get(Tenant(world.tenant), world.provider_id)


def both(visit: Visit, path: str) -> tuple[Page, Page]:
    """Open the same page as two administrators."""
    return visit(user="ann").open(path), visit(user="bob").open(path)


def test_the_second_of_two_people_decides_on_a_conflicting_change(visit: Visit, place: World) -> None:
    world = with_provider(place)
    path = f"/console/providers/{world.provider_id}/limits"
    visitors = visit(user="ann"), visit(user="bob")
    ann, bob = (each.open(path) for each in visitors)
    for page, attempts in ((ann, "7"), (bob, "9")):
        page.get_by_label("Verifications a user may start").fill(attempts)
    ann.get_by_role("button", name="Save").click()
    expect(ann.get_by_text("Saved.")).to_be_visible()
    bob.get_by_role("button", name="Save").click()
    expect(bob.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    expect(bob.get_by_text("ann changed the number of attempts")).to_be_visible()
    expect(bob.get_by_role("row", name="Verifications a user may start")).to_contain_text("5")
    for value in ("7", "9"):
        expect(bob.get_by_role("row", name="Verifications a user may start")).to_contain_text(value)
    assert provider_of(world).max_attempts == 7
    visitors[1].look_at("changed-meanwhile")
    bob.get_by_role("button", name="Save mine").click()
    expect(bob.get_by_text("Saved.")).to_be_visible()
    assert provider_of(world).max_attempts == 9


def test_changes_by_only_one_person_are_kept(visit: Visit, place: World) -> None:
    world = with_provider(place)
    provider = f"/console/providers/{world.provider_id}"
    ann, bob = both(visit, f"{provider}/general")
    ann.get_by_label("Description").fill("By Ann.")
    ann.get_by_role("button", name="Save").click()
    expect(ann.get_by_text("Saved.")).to_be_visible()
    bob.get_by_label("Accent colour").fill("#2450c8")
    bob.get_by_role("button", name="Save").click()
    expect(bob.get_by_text("Saved.")).to_be_visible()
    saved = provider_of(world)
    assert (saved.description, saved.accent_color) == ("By Ann.", "#2450c8")
    bob.goto(bob.url.replace("/general", "/limits"))
    bob.get_by_label("Verifications a user may start").fill("8")
    bob.get_by_role("button", name="Save").click()
    expect(bob.get_by_text("Saved.")).to_be_visible()
    assert provider_of(world).accent_color == "#2450c8", "a tab that does not show it leaves it"


def test_rows_of_a_mapping_are_merged_and_conflicting_ones_decided(visit: Visit, place: World) -> None:
    world = with_provider(place)
    ann, bob = both(visit, f"/console/providers/{world.provider_id}/attributes")
    before = dict(provider_of(world).claims)
    for page, uri, field in ((ann, "urn:by-ann", "email"), (bob, "urn:by-bob", "phone_number")):
        page.get_by_role("button", name="Add a claim").click()
        row = len(before) + 1
        page.get_by_label(f"Claim in row {row}").fill(uri)
        page.get_by_label(f"Field in row {row}").select_option(field)
        page.get_by_role("button", name="Save").last.click()
        expect(page.get_by_text("The mapping is saved.")).to_be_visible()
    assert dict(provider_of(world).claims) == before | {"urn:by-ann": "email", "urn:by-bob": "phone_number"}
    bob.get_by_role("button", name="Undo").click()
    expect(bob.get_by_text("The mapping is as it was before.")).to_be_visible()
    assert dict(provider_of(world).claims) == before | {"urn:by-ann": "email"}, "ann's change is kept"


def test_credentials_replaced_meanwhile_are_not_overwritten_silently(visit: Visit, place: World) -> None:
    world = with_provider(place)
    path = f"/console/providers/{world.provider_id}/secrets"
    ann, bob = both(visit, path)
    ann.get_by_label("API token").fill(f"{API_TOKEN}-ann")
    ann.get_by_role("button", name="Test and replace").click()
    expect(ann.get_by_text("Replaced.")).to_be_visible()
    replaced_at = provider_of(world).credentials_set_at
    bob.get_by_label("API token").fill(f"{API_TOKEN}-bob")
    bob.get_by_role("button", name="Test and replace").click()
    expect(bob.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    expect(bob.get_by_text("Secrets are not sent back to the browser")).to_be_visible()
    assert f"{API_TOKEN}-bob" not in bob.content()
    assert provider_of(world).credentials_set_at == replaced_at
    bob.get_by_role("link", name="Look at what is saved").click()
    bob.get_by_label("API token").fill(f"{API_TOKEN}-bob")
    bob.get_by_role("button", name="Test and replace").click()
    expect(bob.get_by_text("Replaced.")).to_be_visible()


def test_an_endpoint_changed_meanwhile_is_not_overwritten(visit: Visit, place: World) -> None:
    admin = place.connector.as_admin()
    made = admin.post(ENDPOINTS, {"url": URLS[0], "events": ["verification.finished"]})
    assert made.status_code == 201, made.text
    ann, bob = both(visit, f"/console/deliveries/endpoints/{made.json()['id']}/edit")
    for page, url in ((ann, URLS[1]), (bob, URLS[2])):
        page.get_by_label("URL").fill(url)
        page.get_by_role("button", name="Save").click()
    expect(bob.get_by_role("row", name="The URL")).to_contain_text(URLS[1])
    bob.get_by_role("link", name="Keep what is saved").click()
    expect(bob.get_by_label("URL")).to_have_value(URLS[1])


def test_concurrent_changes_of_different_fields_are_all_saved(place: World) -> None:
    world = with_provider(place)
    path = f"/console/providers/{world.provider_id}"
    consoles = [Console(world, f"admin-{number}", ALL_SCOPES) for number in range(4)]
    forms = [
        ("limits", {"max_attempts": "6"}),
        ("limits", {"missing_name": "repeat"}),
        ("workflow", {"tags": "vip"}),
        ("general", {"description": "saved as well", "do": "save"}),
    ]
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda pair: pair[0].submit(f"{path}/{pair[1][0]}", **pair[1][1]), zip(consoles, forms, strict=True)
            )
        )
    saved = provider_of(world)
    assert (saved.max_attempts, saved.missing_name) == (6, "repeat")
    assert (saved.studio.tags, saved.description) == (("vip",), "saved as well")


def test_a_correction_of_an_attribute_that_changed_meanwhile_is_decided_on_first(visit: Visit, place: World) -> None:
    world, user_id = with_provider(place), f"user-{uuid.uuid4()}"
    world.outcome(world.start(world.add_user(user_id)), status="declined")
    world.connector.as_user(user_id).verify(world.provider_id, "COMPLETED")
    answer = world.connector.as_admin().get(f"/api/users/v1/{user_id}/idv/claims")
    claim_id = answer.json()[0]["id"]
    path = f"/console/users/{user_id}/claims/{claim_id}"
    visitors = visit(user="ann"), visit(user="bob")
    ann, bob = (each.open(path) for each in visitors)
    for page, choice in ((ann, "verified, for the user's current value"), (bob, "not verified")):
        page.get_by_label(choice, exact=True).check()
        page.get_by_label("Reason").fill("seen at the desk")
        page.get_by_role("button", name="Save the correction").click()
    expect(bob.get_by_role("heading", name="Changed meanwhile")).to_be_visible()
    expect(bob.get_by_role("row", name="The state")).to_contain_text("Verified")
    visitors[1].look_at("correction-changed-meanwhile")
    assert world.connector.as_admin().get(f"/api/users/v1/{user_id}/idv/claims/{claim_id}").json()["isVerified"]
    bob.get_by_role("button", name="Save mine").click()
    expect(bob.get_by_text("The attribute is no longer verified.")).to_be_visible()
