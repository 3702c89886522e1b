"""The administrator's open tasks on the home page."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from connector.services.providers.deletion import DeleteApplicant
from connector.store.deliveries import outbox
from connector.store.models import outbox as deliveries
from connector.store.models import verifications
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

SENTENCE = "1 run waits for data of the application."


def test_runs_that_wait_long_for_data_of_the_application_are_listed(world: World) -> None:
    world.start(world.add_user())
    console = Console(world, "bob", ALL_SCOPES)
    with world.connector.services.database.write() as connection:
        connection.execute(update(verifications).values(status="awaiting_client_input"))
    assert SENTENCE not in console.open("/console/home"), "the application may answer the notice in a moment"
    with world.connector.services.database.write() as connection:
        connection.execute(update(verifications).values(created_at=world.clock() - timedelta(hours=2)))

    assert SENTENCE in console.open("/console/home")

    assert SENTENCE not in Console(world, "vera", ["internal_idvp_view"]).open("/console/home")


def test_the_age_of_the_oldest_review_is_shown(world: World) -> None:
    console = Console(world, "bob", ALL_SCOPES)
    for user_id, status, hours in (("ann", "review", 50), ("bea", "review", 2), ("cid", "approved", 90)):
        world.outcome(world.start(world.add_user(user_id)), status=status)
        world.connector.as_user(user_id).verify(world.provider_id, "COMPLETED")
        with world.connector.services.database.write() as connection:
            started = {"created_at": world.clock() - timedelta(hours=hours)}
            connection.execute(update(verifications).where(verifications.c.user_id == user_id).values(started))

    page = console.open("/console/home")

    assert "2 verifications wait for a review." in page
    oldest = r"Oldest: <time datetime=\"[^\"]+\" title=\"[^\"]+\">[^<]+</time>\."
    assert re.search(oldest, page)


def test_the_delay_of_the_worker_is_shown_once_it_is_late(world: World) -> None:
    console = Console(world, "bob", ALL_SCOPES)
    world.connector.rest()
    world.connector.services.daily_counts.count_due()
    with world.connector.services.database.write() as connection:
        outbox.add(connection, DeleteApplicant(world.tenant, world.provider_id, "an-applicant"))
    assert "the worker is up to date" in console.open("/console/home")
    with world.connector.services.database.write() as connection:
        late = datetime.now(UTC) - timedelta(minutes=10)
        connection.execute(update(deliveries).where(deliveries.c.state == "ready").values(due_at=late))

    page = re.sub("<[^>]+>", "", html.unescape(console.open("/console/home")))
    assert re.search("oldest delivery was due 1[01] minutes ago", page)


def test_refused_posts_lead_to_the_list_that_counts_them(world: World) -> None:
    assert world.post_event(b"{}", signature="00").status_code == 401
    world.connector.services.refused_posts.write()
    console = Console(world, "bob", ALL_SCOPES)
    address = f"/console/events?provider={world.provider_id}"

    assert f'href="{address}#refused"' in console.open("/console/home")

    assert 'id="refused"' in console.open(address)
