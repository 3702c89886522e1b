"""The sweep after a process was killed between two steps, or after Onfido has erased a run."""

from __future__ import annotations

import requests
from sqlalchemy import update

from connector.domain.tenancy import Tenant
from connector.store.models import verifications
from tests.bodies import event_body
from tests.harness import World, verified
from tests.values import MAPPING

CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}


def test_an_event_is_applied_although_the_process_died_before_matching_it(world: World) -> None:
    ann = world.add_user()
    world.start(ann)
    assert world.post_event(event_body("run-of-the-dead", "approved", CLEAR)).status_code == 200
    with world.connector.services.database.write() as connection:
        connection.execute(update(verifications).values(run_id="run-of-the-dead"))
    assert verified(ann.claims()) == set()

    world.sweep()

    assert verified(ann.claims()) == set(MAPPING)


def test_a_run_erased_by_onfido_is_closed_and_the_user_can_start_again(world: World) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    requests.post(f"{world.simulator.url}/simulator/reset", timeout=60).raise_for_status()
    world.clock.advance(3600)

    world.sweep()

    lookup = world.connector.services.lookup
    world.wait_until(lambda: lookup.find(Tenant(world.tenant), run_id).status == "error")
    assert world.start(ann) != run_id


def test_an_empty_change_withdraws_nothing(world: World) -> None:
    ann = world.add_user()
    world.outcome(world.start(ann))
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))

    world.connector.services.users.change(Tenant(world.tenant), "ann", {})

    assert verified(ann.claims()) == set(MAPPING)
