"""The tabs of a provider: the claim mapping, the workflow's input and output, and capture."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from connector.domain.providers.provider import Provider
from connector.domain.tenancy import Tenant
from tests.bodies import provider_body
from tests.browser.visiting import Visitor
from tests.contract.wire import PROVIDERS
from tests.harness import World
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

Visit = Callable[..., Visitor]
VIEW_ONLY = ("internal_idvp_view",)
POSTCODE = "http://wso2.org/claims/postalcode"
TABS = ("attributes", "workflow", "capture")


@pytest.fixture
def provider_id(place: World) -> str:
    body = provider_body(place.simulator, name=f"Onfido {uuid.uuid4().hex[:6]}")
    answer = place.connector.as_admin().post(PROVIDERS, body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def stored(place: World, provider_id: str) -> Provider:
    return place.connector.services.providers.get(Tenant(place.tenant), provider_id)


def at(provider_id: str, tab: str) -> str:
    return f"/console/providers/{provider_id}/{tab}"


def configure(place: World, provider_id: str, **changes: Any) -> None:
    body = provider_body(place.simulator, name=stored(place, provider_id).name, **changes)
    answer = place.connector.as_admin().put(f"{PROVIDERS}/{provider_id}", body)
    assert answer.status_code == 200, answer.text


def end_run(place: World, provider_id: str, user_id: str, output: Any = None, **outcome: Any) -> str:
    """Lead a user's run to its end."""
    caller = place.add_user(user_id)
    world = World(place.connector, place.simulator, place.clock, provider_id, tenant=place.tenant)
    run_id = world.start(caller)
    world.outcome(run_id, **({"output": output} if output is not None else {}), **outcome)
    assert caller.verify(provider_id, "COMPLETED").ok
    return run_id


@pytest.mark.one_database
def test_every_tab_is_legible_in_every_view(visit: Visit, place: World, provider_id: str) -> None:
    user_id = f"user-{uuid.uuid4().hex[:6]}"
    end_run(place, provider_id, user_id, comparisons={"last_name": "consider"}, status="approved")
    place.connector.services.daily_counts.count_due()
    studio = {
        "tags": ["website", "spring"],
        "customData": [
            {"name": "risk_level", "type": "string", "value": "high"},
            {"name": "country", "type": "string", "claim": "http://wso2.org/claims/country"},
            {"name": "basket", "type": "number", "required": False},
        ],
        "outputClaims": [{"pointer": "/document/nationality", "localClaim": "urn:nationality", "as": "value"}],
        "link": {"redirectUrls": ["https://shop.example.com/done"], "lifetime": 86400, "language": "de_DE"},
    }
    claims = [{"localClaim": uri, "idvpClaim": field} for uri, field in {**MAPPING, "urn:email": "email"}.items()]
    configure(place, provider_id, studio=studio, claims=claims)
    visitor = visit()
    for tab in TABS:
        visitor.look(at(provider_id, tab), f"provider-{tab}")


def test_a_claim_is_mapped_when_it_is_saved_and_the_change_can_be_undone(
    visit: Visit, place: World, provider_id: str
) -> None:
    page = visit().open(at(provider_id, "attributes"))
    page.get_by_role("button", name="Add a claim").click()
    page.get_by_label("Claim in row 4").fill(POSTCODE)
    page.get_by_label("Field in row 4").select_option("address.postcode")
    page.get_by_role("button", name="Check the draft").click()
    expect(page.get_by_text("This is a draft.")).to_be_visible()
    expect(page.get_by_text("Onfido accepts no address without Country")).to_be_visible()
    assert stored(place, provider_id).claims == MAPPING

    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The mapping is saved.")).to_be_visible()
    assert stored(place, provider_id).claims == {**MAPPING, POSTCODE: "address.postcode"}
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The mapping is as it was before.")).to_be_visible()
    assert stored(place, provider_id).claims == MAPPING


def test_a_draft_shows_its_errors_and_its_consequences(visit: Visit, place: World, provider_id: str) -> None:
    end_run(place, provider_id, f"user-{uuid.uuid4().hex[:6]}")
    page = visit().open(at(provider_id, "attributes"))
    page.get_by_label("Field in row 3").select_option("email")
    page.get_by_role("button", name="Save", exact=True).focus()
    page.get_by_label("Claim in row 3").press("Enter")  # checks the draft, and saves nothing
    expect(page.get_by_text("1 claim was verified by the previous mapping")).to_be_visible()
    expect(page.get_by_text("Onfido does not compare it")).to_be_visible()
    page.get_by_role("button", name=f"Remove {GIVEN_NAME}").click()
    expect(page.get_by_text("Onfido requires First name for every applicant")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("first_name")
    page.get_by_role("link", name="Discard").click()
    expect(page.get_by_label("Claim in row 1")).to_have_value(GIVEN_NAME)
    assert stored(place, provider_id).claims == MAPPING


def test_a_draft_is_tried_on_a_run(visit: Visit, place: World, provider_id: str) -> None:
    end_run(place, provider_id, f"user-{uuid.uuid4().hex[:6]}", comparisons={"last_name": "consider"})
    page = visit().open(at(provider_id, "attributes"))
    page.get_by_label("Field in row 1").select_option("email")
    page.get_by_role("button", name="Try").click()
    table = page.get_by_role("table", name="Result under the draft")
    expect(table.get_by_role("row", name="Given name")).to_contain_text("Not compared")
    expect(table.get_by_role("row", name="Last name")).to_contain_text("Differs")
    assert stored(place, provider_id).claims == MAPPING


def test_every_action_is_possible_without_javascript(visit: Visit, place: World, provider_id: str) -> None:
    page = visit(javascript=False).open(at(provider_id, "workflow"))
    page.get_by_role("button", name="Add a claim").click()
    page.get_by_label("Pointer in row 1").fill("/document/nationality")
    page.get_by_label("Claim of the output in row 1").fill("urn:nationality")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("The workflow's settings are saved.")).to_be_visible()
    [output] = stored(place, provider_id).studio.output_claims
    assert (output.pointer, output.uri, str(output.role)) == ("/document/nationality", "urn:nationality", "value")


@pytest.mark.parametrize(
    ("kind", "source", "text", "value"),
    [
        ("string", "constant", "high", "high"),
        ("number", "constant", "1.5", 1.5),
        ("boolean", "constant", "True", True),
        ("list", "constant", "a, b", ["a", "b"]),
        ("string", "claim", "http://wso2.org/claims/country", None),
        ("number", "request", "", None),
    ],
)
@pytest.mark.one_database
def test_custom_data_is_edited_in_a_form(
    visit: Visit, place: World, provider_id: str, kind: str, source: str, text: str, value: Any
) -> None:
    page = visit().open(at(provider_id, "workflow"))
    page.get_by_role("button", name="Add a property").click()
    page.get_by_label("Property in row 1").fill("risk")
    page.get_by_label("Type in row 1").select_option(kind)
    page.get_by_label("Source in row 1").select_option(source)
    page.get_by_label("Value in row 1").fill(text)
    page.get_by_label("Tags").fill("spring\nwebsite")
    page.get_by_label("Send the user's id").check()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("The workflow's settings are saved.")).to_be_visible()
    studio = stored(place, provider_id).studio
    assert (studio.tags, studio.sends_user_id) == (("spring", "website"), True)
    [entry] = studio.custom_data
    assert (entry.value, entry.claim) == (value, text if source == "claim" else None)


@pytest.mark.one_database
def test_invalid_custom_data_is_refused_and_stays_in_the_form(visit: Visit, place: World, provider_id: str) -> None:
    page = visit().open(at(provider_id, "workflow"))
    page.get_by_role("button", name="Add a property").click()
    page.get_by_label("Property in row 1").fill("risk level")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("alert")).to_contain_text("letters, digits and underscores")
    expect(page.get_by_label("Property in row 1")).to_have_value("risk level")
    page.get_by_label("Property in row 1").fill("risk")
    page.get_by_label("Type in row 1").select_option("number")
    page.get_by_label("Source in row 1").select_option("constant")
    page.get_by_label("Value in row 1").fill("many")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_role("alert")).to_contain_text("must have a value that is a number")
    page.get_by_role("button", name="Remove property 1").click()
    expect(page.get_by_label("Property in row 1")).to_have_count(0)
    assert stored(place, provider_id).studio.custom_data == ()


def test_capture_is_configured_in_a_form(visit: Visit, place: World, provider_id: str) -> None:
    page = visit().open(at(provider_id, "capture"))
    expect(page.get_by_text("In the last 90 days no match was reported.")).to_be_visible()
    page.get_by_label("on Onfido's page, at a link").check()
    page.get_by_label("Addresses that the application may send users back to").fill("https://shop.example.com/done")
    page.get_by_label("A link is valid for, in hours").fill("48")
    page.get_by_label("Language").select_option("fr_FR")
    page.get_by_label("Withdraw what is verified").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Capture is saved.")).to_be_visible()
    studio = stored(place, provider_id).studio
    assert (studio.capture, studio.link.lifetime, studio.link.language) == ("link", 48 * 3600, "fr_FR")
    assert (studio.link.redirect_urls, studio.unverifies_on_match) == (("https://shop.example.com/done",), True)


@pytest.mark.one_database
def test_a_forbidden_address_is_refused_at_its_field(visit: Visit, place: World, provider_id: str) -> None:
    page = visit().open(at(provider_id, "capture"))
    page.get_by_label("Where users go when they have finished").fill("http://shop.example.com/done")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Where users go when they have finished")).to_have_attribute("aria-invalid", "true")
    assert stored(place, provider_id).studio.link.completed_redirect_url is None


@pytest.mark.one_database
def test_saving_a_tab_keeps_secrets_and_other_tabs(visit: Visit, place: World, provider_id: str) -> None:
    before = stored(place, provider_id)
    page = visit().open(at(provider_id, "capture"))
    page.get_by_label("Language").select_option("de_DE")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Capture is saved.")).to_be_visible()
    after = stored(place, provider_id)
    assert (after.sealed_api_token, after.claims, after.max_attempts) == (
        before.sealed_api_token,
        before.claims,
        before.max_attempts,
    )


@pytest.mark.one_database
@pytest.mark.parametrize("tab", TABS)
def test_a_viewer_sees_no_buttons(visit: Visit, place: World, provider_id: str, tab: str) -> None:
    visitor = visit(scopes=VIEW_ONLY)
    page = visitor.open(at(provider_id, tab))
    expect(page.locator("main button[type=submit]")).to_have_count(0)
    if tab == "attributes":
        expect(page.get_by_text(LAST_NAME)).to_be_visible()
        expect(page.get_by_text(BIRTH_DATE)).to_be_visible()


@pytest.mark.parametrize("tab", TABS)
def test_a_provider_of_another_tenant_is_not_found(visit: Visit, place: World, provider_id: str, tab: str) -> None:
    visitor = visit(tenant="other.example")
    page = visitor.open(at(provider_id, tab), status=404)
    assert stored(place, provider_id).name not in page.content()
