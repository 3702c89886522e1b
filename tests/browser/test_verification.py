"""One verification in the browser: the reasons for the state of its attributes, and the actions on it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from connector.store.models import verifications
from tests.browser.visiting import Visitor
from tests.browser.worlds import with_provider
from tests.harness import World

Visit = Callable[..., Visitor]


def ended(place: World, tenant: str = "carbon.super", **outcome: object) -> tuple[World, str, str]:
    """Verify a new user; returns the place, the user and the verification's id."""
    world, user_id = with_provider(place, tenant), f"user-{uuid.uuid4()}"
    run_id = world.start(world.add_user(user_id))
    if outcome:
        world.outcome(run_id, **outcome)
    [verification] = world.verifications(user_id)
    return world, user_id, verification.verification_id


DIFFERS: dict[str, Any] = {
    "status": "approved",
    "comparisons": {"first_name": "clear", "last_name": "clear", "date_of_birth": "consider"},
}


def test_the_reason_for_an_unverified_attribute_is_explained(visit: Visit, place: World) -> None:
    _, user_id, verification_id = ended(place, **DIFFERS)
    visitor = visit()
    page = visitor.open(f"/console/verifications/{verification_id}")
    expect(page.get_by_role("heading", name=user_id)).to_be_visible()
    expect(page.get_by_text("The run was approved. One attribute is not verified.")).to_be_visible()
    opened = page.locator("details.attr[open]")
    expect(opened).to_have_count(1)
    expect(opened).to_contain_text("Date of birth")
    expect(opened).to_contain_text("sent to Onfido as Date of birth (dob)")
    expect(opened).to_contain_text("Remedy:")
    expect(page.get_by_text("asked to verify 3 attributes")).to_be_visible()
    place.connector.services.daily_counts.count_due()
    visitor.open(f"/console/verifications/{verification_id}")
    expect(page.get_by_role("region", name="Where the time went")).to_contain_text("of the last 14 days took at most")
    expect(page.get_by_role("region", name="Tasks at Onfido")).to_contain_text("document_check")
    visitor.look(f"/console/verifications/{verification_id}", "verification")
    visitor.look(f"/console/verifications/{verification_id}?view=raw", "verification-raw")


def test_an_open_verification_is_updated_live_until_its_end(visit: Visit, place: World) -> None:
    world, user_id, verification_id = ended(place)
    visitor = visit()
    page = visitor.open(f"/console/verifications/{verification_id}")
    expect(page.get_by_text("This page follows the verification:")).to_be_visible()
    visitor.look(f"/console/verifications/{verification_id}", "verification-open")
    [verification] = world.verifications(user_id)
    with place.connector.services.database.write() as connection:
        statement = update(verifications).where(verifications.c.id == verification_id)
        connection.execute(statement.values(status="processing", updated_at=place.clock()))
    expect(page.get_by_role("heading", name=user_id).locator("..").get_by_text("Being checked")).to_be_visible()
    world.outcome(verification.run_id or "", **DIFFERS)
    expect(page.get_by_text("The run was approved.").first).to_be_visible()


def test_a_refresh_applies_the_result_at_onfido(visit: Visit, place: World) -> None:
    _, _, verification_id = ended(place)
    visitor = visit()
    page = visitor.open(f"/console/verifications/{verification_id}")
    page.get_by_role("button", name="Ask Onfido again").click()
    expect(page.locator(".notice:visible").first).to_be_visible()


def test_a_review_is_decided_with_a_reason(visit: Visit, place: World) -> None:
    comparisons = {"first_name": "clear", "last_name": "clear", "date_of_birth": "unidentified"}
    _, user_id, verification_id = ended(place, status="review", comparisons=comparisons)
    visitor = visit()
    page = visitor.open(f"/console/verifications/{verification_id}")
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("link", name="Show the pictures").click()
    for title in ("passport front", "passport back", "selfie"):
        picture = page.get_by_role("img", name=title)
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("naturalWidth", 320)
    visitor.look_at("review")
    seen = place.connector.as_admin().get("/api/server/v1/audit", params={"userId": user_id}).json()["entries"]
    assert {each["name"] for each in seen if each["subject"] == "file"} == {
        *("passport-front.png", "passport-back.png", "selfie.png")
    }
    expect(page.get_by_text("Verifies Given name and Last name, which Onfido confirmed.")).to_be_visible()
    expect(page.get_by_text("Stays unverified: Date of birth.")).to_be_visible()
    page.get_by_label("Approve").check()
    page.get_by_role("button", name="Decide for good").click()
    expect(page.get_by_role("alert")).to_contain_text("A reason is required")
    page.get_by_label("Approve").check()
    page.get_by_role("textbox", name="Reason").fill("Seen with the user present.")
    page.get_by_role("button", name="Decide for good").click()
    expect(page.get_by_text("It is approved.")).to_be_visible()
    expect(page.get_by_text("reason: Seen with the user present.")).to_be_visible()
    claims = place.connector.as_user(user_id).claims()
    assert sorted(each["isVerified"] for each in claims.values()) == [False, True, True]
    visitor.open(f"/console/verifications/{verification_id}/review")
    expect(page.get_by_text("It has already been decided")).to_be_visible()


@pytest.mark.one_database
def test_the_text_for_support_is_copied_by_keyboard(visit: Visit, place: World) -> None:
    _, user_id, verification_id = ended(place, **DIFFERS)
    visitor = visit()
    page = visitor.open(f"/console/verifications/{verification_id}")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for support").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).to_have_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert f"Verification: {verification_id}" in text
    assert user_id not in text
    page.get_by_text("Text for support").click()
    expect(page.locator(".copy-text pre")).to_be_visible()
    visitor.look_at("verification-support")
    page = visit(javascript=False).open(f"/console/verifications/{verification_id}")
    expect(page.get_by_role("button", name="Copy for support")).to_be_hidden()
    page.get_by_text("Text for support").click()
    expect(page.get_by_text(f"Verification: {verification_id}")).to_be_visible()


@pytest.mark.one_database
def test_actions_without_permission_are_not_offered(visit: Visit, place: World) -> None:
    _, _, verification_id = ended(place, status="review")
    visitor = visit(scopes=("internal_idv_claim_view",))
    page = visitor.open(f"/console/verifications/{verification_id}")
    expect(page.get_by_role("link", name="Decide")).to_have_count(0)
    expect(page.get_by_role("button", name="Ask Onfido again")).to_have_count(0)
    visitor.open(f"/console/verifications/{verification_id}/review", status=403)


def test_a_verification_is_hidden_from_another_tenant(visit: Visit, place: World) -> None:
    _, user_id, verification_id = ended(place, **DIFFERS)
    visitor = visit(tenant="other")
    for path in (
        "",
        "/live",
        "/tasks",
        "/json",
        "/review",
        "/evidence",
        "/evidence-folder",
        "/pictures",
        "/pictures/a",
    ):
        page = visitor.open(f"/console/verifications/{verification_id}{path}", status=404)
        assert user_id not in page.content()


@pytest.mark.one_database
def test_every_action_can_be_reached_without_scripts(visit: Visit, place: World) -> None:
    _, _, verification_id = ended(place, **DIFFERS)
    page = visit(javascript=False).open(f"/console/verifications/{verification_id}")
    for name in ("Signed evidence (PDF)", "All evidence (zip)", "This record as JSON"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Onfido’s timeline (PDF)")).to_be_visible()
    for name in ("More actions", "Switch between light and dark"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


@pytest.mark.one_database
def test_the_record_and_the_evidence_can_be_downloaded(visit: Visit, place: World) -> None:
    _, user_id, verification_id = ended(place, **DIFFERS)
    visitor = visit()
    page = visitor.open(f"/console/verifications/{verification_id}")
    for name, suffix in (
        ("This record as JSON", ".json"),
        ("Signed evidence (PDF)", ".pdf"),
        ("All evidence (zip)", ".zip"),
    ):
        page.get_by_role("button", name="More actions").click()
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename.endswith(suffix)
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Onfido’s timeline (PDF)").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the PDF").click()
    assert download.value.suggested_filename.startswith("timeline-")
    [entry, *_] = place.connector.as_admin().get("/api/server/v1/audit", params={"userId": user_id}).json()["entries"]
    assert (entry["subject"], entry["channel"]) == ("file", "console")
