"""The administrator's open tasks on the home page."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

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
