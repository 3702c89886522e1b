"""Sentences that answer what a person who sees a page for the first time would ask."""

from __future__ import annotations

import pytest

from tests.console.test_every_page import sign_in
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

NOT_COUNTED = "Results of Onfido’s sandbox are not counted here."


def ended(world: World, user_id: str, status: str) -> None:
    caller = world.add_user(user_id)
    world.outcome(world.start(caller), status=status)
    caller.verify(world.provider_id, "COMPLETED")


@pytest.mark.one_database
def test_the_first_page_says_that_results_of_the_sandbox_are_not_counted(world: World) -> None:
    console = Console(world, "admin", ALL_SCOPES)
    assert NOT_COUNTED in console.open("/console/home")
    assert NOT_COUNTED not in console.open("/console/home?environment=all")


@pytest.mark.one_database
def test_the_limits_name_their_hours(world: World) -> None:
    console = Console(world, "admin", ALL_SCOPES)
    path = f"/console/providers/{world.provider_id}/limits"
    console.submit(path, max_attempts="1", attempt_hours="36")
    assert "A user may start 1 verification within 36 hours." in console.open(path)


def test_a_user_who_may_try_again_learns_how_often(world: World) -> None:
    ended(world, "somebody", "declined")
    page = sign_in(world).get(f"{world.connector.url}/verify/{world.provider_id}", timeout=60).text
    assert "Attempts left for now: 4." in page
    places = [page.index(name) for name in ("Given name", "Last name", "Date of birth")]
    assert places == sorted(places), "not in the order of the mapping"


@pytest.mark.one_database
def test_a_run_is_chosen_by_its_status_in_words_and_the_time_in_the_viewers_zone(world: World) -> None:
    ended(world, "ann", "declined")
    console = Console(world, "admin", ALL_SCOPES)
    page = console.open(f"/console/providers/{world.provider_id}/attributes")
    [verification] = world.verifications("ann")
    assert f"ann · Declined · {verification.created_at:%-d %b %Y, %H:%M:%S} UTC" in page
