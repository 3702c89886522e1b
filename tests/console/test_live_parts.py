"""A part that polls is sent again only after a change, however often it is asked for meanwhile."""

from __future__ import annotations

import html
import re

import pytest

from connector.services.providers.deletion import DeleteApplicant
from connector.store.deliveries import outbox
from tests.bodies import event_body
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

pytestmark = pytest.mark.one_database


def test_an_unchanged_part_keeps_its_version(world: World) -> None:
    world.start(world.add_user("ann"))
    [verification] = world.verifications("ann")
    console = Console(world, "bob", ALL_SCOPES)
    for path in (f"/console/verifications/{verification.verification_id}/live", "/console/verifications/news"):
        version = console.get(path).headers["ETag"]
        for known in (version, version, f"W/{version}", f'"another", {version}'):  # a proxy that compresses adds W/
            answer = console.get(path, {"If-None-Match": known})
            assert (answer.status_code, answer.headers.get("ETag")) == (304, version), path


def test_a_change_reloads_the_page_of_an_open_verification(world: World) -> None:
    run_id = world.start(world.add_user("ann"))
    [verification] = world.verifications("ann")
    console = Console(world, "bob", ALL_SCOPES)
    path = f"/console/verifications/{verification.verification_id}/live"
    version = console.get(path).headers["ETag"]
    version = console.get(path, {"If-None-Match": version}).headers["ETag"]
    world.outcome(run_id)
    console.post(f"/console/verifications/{verification.verification_id}/refresh")
    answer = console.get(path, {"If-None-Match": version})
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (200, "true")


def test_the_head_of_the_first_page_stays_the_same_while_only_time_passes(world: World) -> None:
    ann = world.add_user("ann")
    world.outcome(world.start(ann), status="review")
    ann.verify(world.provider_id, "COMPLETED")
    world.connector.services.daily_counts.count_due()
    console = Console(world, "bob", ALL_SCOPES)
    path = "/console/home/needs"
    assert "1 verification waits for a review." in console.get(path).text
    version = console.get(path).headers["ETag"]
    for _minute in range(3):
        world.clock.advance(70)
        world.connector.services.daily_counts.count_due()
        assert console.get(path, {"If-None-Match": version}).status_code == 304
    world.clock.advance(600)
    late = console.get(path, {"If-None-Match": version})
    assert "the worker last ran" in late.text


@pytest.mark.parametrize("story", ["events", "deliveries", "audit", "verifications"])
def test_the_note_above_a_list_counts_what_is_new(world: World, story: str) -> None:
    console = Console(world, "bob", ALL_SCOPES)
    [url] = re.findall(rf'hx-get="([^"]*/console/{story}/news[^"]*)"', console.open(f"/console/{story}"))
    path = html.unescape(url).removeprefix(world.connector.url)
    assert "new" not in console.open(path)
    ann = world.add_user("ann")
    run_id = world.start(ann)
    world.post_event(event_body(run_id, "approved", {"first_name": "clear"}))
    with world.connector.services.database.write() as connection:
        outbox.add(connection, DeleteApplicant(world.tenant, world.provider_id, "an-applicant"))
    assert re.search(r">\d+ new<", console.open(path))
