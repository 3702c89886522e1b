"""Names and words in place of ids and codes: kinds of events, what a job was asked for, why on a narrow screen."""

from __future__ import annotations

import re

import pytest

from tests.console.test_deliveries import add_endpoint
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

pytestmark = pytest.mark.one_database
JOBS = "/api/server/v1/jobs"
FACTS = re.compile(r"<dt>([^<]+)</dt><dd[^>]*>(.*?)</dd>", re.DOTALL)


def facts(page: str) -> dict[str, str]:
    """Return the facts of a page, without their tags."""
    return {name: re.sub("<[^>]+>", "", value).strip() for name, value in FACTS.findall(page)}


def test_the_kind_of_an_event_is_in_words_beside_onfidos_name(world: World) -> None:
    run_id = world.start(world.add_user("ann"))
    world.outcome(run_id)
    events = "/api/server/v1/events"
    world.wait_until(lambda: bool(world.connector.as_admin().get(events).json()["events"]))
    [event] = world.connector.as_admin().get(events).json()["events"]
    console = Console(world, "bob", ALL_SCOPES)
    page = console.open("/console/events")
    assert "<td>Run ended<div" in page
    assert f'/console/providers/{world.provider_id}">' in page
    page = console.open(f"/console/events/{event['id']}")
    assert "<title>Run ended" in page
    assert facts(page)["Kind"] == "workflow_run.completed"


def test_a_job_says_in_words_what_was_requested(world: World) -> None:
    endpoint_id = add_endpoint(world)
    body = {"since": "2026-01-01T00:00:00Z", "which": "everything", "endpointId": endpoint_id}
    answer = world.connector.as_admin().post(f"{JOBS}/resend-deliveries", body)
    assert answer.status_code == 202, answer.text
    console = Console(world, "bob", ALL_SCOPES)
    shown = facts(console.open(f"/console/jobs/{answer.json()['id']}"))
    assert shown["Which"] == "Every notice since then"
    assert shown["Since"] == "1 Jan 2026, 00:00:00 UTC"
    assert shown["Endpoint"] == f"{world.simulator.url}/nowhere"


def test_a_users_page_says_on_a_narrow_screen_why_an_attribute_is_not_verified(world: World) -> None:
    world.outcome(world.start(world.add_user("ann")), status="declined")
    world.connector.as_user("ann").verify(world.provider_id, "COMPLETED")
    page = Console(world, "bob", ALL_SCOPES).open("/console/users/ann")
    assert re.search(r'<div class="only-narrow[^"]*">It is the same as on the document, but', page)


def test_the_remedy_for_a_run_in_review_is_its_decision(world: World) -> None:
    world.outcome(world.start(world.add_user("ann")), status="review")
    world.connector.as_user("ann").verify(world.provider_id, "COMPLETED")
    [verification] = world.verifications("ann")
    page = Console(world, "bob", ALL_SCOPES).open(f"/console/verifications/{verification.verification_id}")
    assert "The value was right: decide on the review." in page
    assert "ask the user to try again" not in page
