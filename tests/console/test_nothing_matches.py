"""A list whose filters match nothing names the filters without one of which it has rows."""

from __future__ import annotations

import re
from html import unescape

import pytest

from connector.console.filters import MOST_TRIED
from tests.bodies import event_body
from tests.contract.wire import ALL_SCOPES, ENDPOINTS
from tests.harness import World
from tests.plans.browsing import Console
from tests.values import GIVEN_NAME

pytestmark = pytest.mark.one_database
_CHIP = re.compile(r'<a class="chip" href="([^"]*)">.*?<span class="muted">([^<]*):</span> ([^<]*)<', re.DOTALL)


def named(console: Console, path: str) -> dict[str, str]:
    """Return the filters that the empty list names: each with the list without it."""
    page = console.open(path)
    assert "Nothing matches." in page
    offered = page[page.index("Nothing matches.") :]
    return {f"{label}: {text}": unescape(url) for url, label, text in _CHIP.findall(offered)}


def ended(world: World, user_id: str, status: str) -> None:
    run_id = world.start(world.add_user(user_id))
    world.outcome(run_id, status=status)
    world.connector.as_user(user_id).verify(world.provider_id, "COMPLETED")


def test_the_filter_that_leaves_nothing_is_named(world: World) -> None:
    ended(world, "ann", "approved")
    ended(world, "bea", "declined")
    console = Console(world, "bob", ALL_SCOPES)

    found = named(console, "/console/verifications?status=declined&status=abandoned&userId=ann&environment=sandbox")

    assert found == {
        "Status: Declined, Abandoned": "/console/verifications?environment=sandbox&userId=ann",
        "User: ann": "/console/verifications?status=declined&status=abandoned&environment=sandbox",
    }
    assert "bea" in console.open(found["User: ann"])
    assert named(console, "/console/verifications?userId=nobody&tag=none") == {}, "neither alone is what leaves nothing"


def test_an_attribute_and_its_result_are_left_out_together(world: World) -> None:
    ended(world, "ann", "approved")
    path = f"/console/verifications?userId=ann&claim={GIVEN_NAME}&result=differs"

    found = named(Console(world, "bob", ALL_SCOPES), path)

    assert [*found.values()] == ["/console/verifications?userId=ann"]


def test_no_more_than_a_few_filters_are_tried(world: World) -> None:
    ended(world, "ann", "approved")
    filters = "decision=none&environment=sandbox&capture=sdk&status=approved&userId=ann&tag=none"

    assert MOST_TRIED == 4
    assert named(Console(world, "bob", ALL_SCOPES), f"/console/verifications?{filters}") == {}
    assert len(named(Console(world, "bob", ALL_SCOPES), "/console/verifications?userId=ann&tag=none")) == 1


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/console/audit?subject=provider&actor=nobody", "Actor"),
        ("/console/providers?environment=live", "Environment"),
        ("/console/deliveries?state=dead&from=2000-01-01", "State"),
        ("/console/events?state=applied&run=none", "Run"),
    ],
)
def test_every_list_names_it(world: World, path: str, label: str) -> None:
    ended(world, "ann", "approved")
    run_id = world.start(world.add_user("bea"))
    assert world.post_event(event_body(run_id)).ok
    world.connector.as_admin().post(ENDPOINTS, {"url": "http://127.0.0.1:9/notices", "events": ["claims.changed"]})

    assert any(each.startswith(f"{label}: ") for each in named(Console(world, "bob", ALL_SCOPES), path))
