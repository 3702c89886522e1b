"""The whole set-up and a whole verification, clicked through by an administrator from an empty console to the end."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

from playwright.sync_api import expect

from tests.browser.visiting import Visitor, submit_provider
from tests.harness import World

Visit = Callable[..., Visitor]


def test_an_administrator_sets_up_a_provider_and_decides_on_a_verification(visit: Visit, place: World) -> None:
    visitor = visit()
    name, user_id = f"Bank {uuid.uuid4().hex[:8]}", f"user-{uuid.uuid4().hex[:8]}"

    page = submit_provider(visitor, place, name)
    expect(page.get_by_text("is registered. These steps remain.")).to_be_visible()
    page.get_by_role("button", name="Register the webhook").click()
    expect(page.get_by_text("The webhook is registered at Onfido.")).to_be_visible()
    provider_id = page.url.split("/providers/")[1].split("/")[0]

    world = replace(place, provider_id=provider_id)
    person = world.add_user(user_id)
    run_id = world.start(person)
    page = visitor.open(f"/console/verifications/{run_id}")
    expect(page.get_by_text("The run waits for the user").first).to_be_visible()

    comparisons = {"first_name": "clear", "last_name": "clear", "date_of_birth": "consider"}
    world.outcome(run_id, status="review", comparisons=comparisons)
    page.get_by_role("link", name="Decide").click()  # the page follows the run
    page.get_by_role("link", name="Show the pictures").click()
    expect(page.get_by_role("img", name="selfie")).to_be_visible()
    page.get_by_label("Approve").check()
    page.get_by_role("textbox", name="Reason").fill("Seen in person.")
    page.get_by_role("button", name="Decide for good").click()
    expect(page.get_by_text("It is approved.")).to_be_visible()
    expect(page.locator("details.attr").filter(has_text="Date of birth")).to_contain_text("Differs")

    page = visitor.open("/console/events")
    expect(page.locator("main")).to_contain_text(name)
    page = visitor.open("/console/audit")
    expect(page.locator("main")).to_contain_text("in review")

    stranger = visit(tenant="elsewhere")
    for path in ("events", "providers", "audit"):
        content = stranger.open(f"/console/{path}").content()
        assert user_id not in content
        assert name not in content
