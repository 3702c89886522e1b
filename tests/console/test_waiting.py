"""The tasks that wait for an administrator: their numbers in the menu, and a webhook that has become silent."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert, update

from connector.store.models import outbox
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

pytestmark = pytest.mark.one_database
HOME = "/console/home"


def numbers(page: str) -> dict[str, str]:
    """Return the numbers of the menu, by their entries."""
    pattern = r'<a href="[^"]*/console/(\w+)"[^>]*>(?:(?!</a>).)*class="count"><span[^>]*>waiting: </span>([^<]+)<'
    return dict(re.findall(pattern, page, re.DOTALL))


def add_dead(world: World, number: int) -> None:
    now = world.clock()
    row = {"kind": "tell_change", "tenant": world.tenant, "payload": {}, "state": "dead", "attempts": 12}
    times = dict.fromkeys(("due_at", "created_at", "settled_at"), now)
    rows = [{**row, **times, "id": f"dead-{each}", "history": []} for each in range(number)]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(outbox), rows)


def test_the_menu_counts_open_reviews_and_dead_deliveries(world: World) -> None:
    admin = Console(world, "bob", ALL_SCOPES)
    assert numbers(admin.open(HOME)) == {}
    ann = world.add_user("ann")
    world.outcome(world.start(ann), status="review")
    ann.verify(world.provider_id, "COMPLETED")
    add_dead(world, 2)
    for path in (HOME, "/console/settings", "/console/providers"):
        assert numbers(admin.open(path)) == {"verifications": "1", "deliveries": "2"}, path
    assert numbers(Console(world, "eve", ("internal_idvp_view",)).open(HOME)) == {}
    with world.connector.services.database.write() as connection:
        connection.execute(update(outbox).where(outbox.c.id == "dead-0").values(tenant="elsewhere.example"))
    assert numbers(admin.open(HOME)) == {"verifications": "1", "deliveries": "1"}, "the other one is another tenant's"


def test_the_menu_counts_to_a_limit(world: World) -> None:
    add_dead(world, 101)
    assert numbers(Console(world, "bob", ALL_SCOPES).open(HOME)) == {"deliveries": "99+"}


def test_a_webhook_that_became_silent_is_an_open_task(world: World) -> None:
    world.faults(webhooks_lost=-1)
    ann, admin = world.add_user("ann"), Console(world, "bob", ALL_SCOPES)
    world.outcome(world.start(ann))
    world.clock.advance(3600)
    ann.verify(world.provider_id, "COMPLETED")
    assert "does not post to" not in admin.open(HOME), "its event may still arrive"
    world.clock.advance(3600)
    page = Console(world, "bob", ALL_SCOPES).open(HOME)
    assert "Onfido does not post to “Onfido”." in page
    assert "Verification works. 1 thing needs attention." in page
