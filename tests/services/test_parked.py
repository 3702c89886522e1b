"""Events that wait for unknown runs, mostly those of other systems in the same Onfido account."""

from __future__ import annotations

from sqlalchemy import select

from connector.store.models import events as events_table
from tests.bodies import event_body
from tests.harness import World

DAY = 86_400


def kept(world: World) -> list[tuple[str, bool]]:
    """Return the state of every event, and whether its body is stored."""
    with world.connector.services.database.read() as connection:
        rows = connection.execute(
            select(events_table.c.state, events_table.c.body).order_by(events_table.c.received_at)
        )
        return [(row.state, row.body is not None) for row in rows]


def test_the_event_of_an_unknown_run_is_given_up_after_a_day(world: World) -> None:
    assert world.post_event(event_body("11111111-2222-4333-8444-555555555555")).status_code == 200
    world.clock.stop()
    world.clock.advance(DAY - 60)
    world.sweep()
    assert kept(world) == [("parked", True)]
    world.clock.advance(120)
    world.sweep()
    assert kept(world) == [("noted", False)]


def test_a_repetition_of_an_event_that_was_given_up_is_a_duplicate(world: World) -> None:
    body = event_body("11111111-2222-4333-8444-555555555555")
    for _ in range(2):
        assert world.post_event(body).status_code == 200
        world.clock.advance(DAY + 60)
        world.sweep()
    assert kept(world) == [("noted", False)]
