"""Fill providers with users, and count or forget what is queued."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import delete, func, select, update

from connector.services.upkeep import Sweep
from connector.store.models import outbox
from tests.bodies import provider_body
from tests.contract.wire import PROVIDERS, answer_on
from tests.crowd import BULK, Place, settle
from tests.harness import World


def fill(world: World, number: int, prefix: str = "a", tenant: str | None = None, provider_id: str = "") -> None:
    """Insert this number of users, each with a verification."""
    with world.connector.services.database.write() as connection:
        settle(connection, Place(tenant or world.tenant, provider_id or world.provider_id, prefix), number)
        connection.execute(delete(outbox).where(outbox.c.kind == BULK))


def add_empty_neighbour(world: World, tenant: str, name: str) -> str:
    """Register a further provider; return its id."""
    body = provider_body(world.simulator, name=name)
    provider_id: str = answer_on(world.connector.as_admin(tenant).post(PROVIDERS, body), 201)["id"]
    return provider_id


def queued(world: World, kind: str) -> int:
    """Return the number of deliveries of a kind that are ready."""
    is_ready = (outbox.c.kind == kind, outbox.c.state == "ready")
    with world.connector.services.database.read() as connection:
        return connection.execute(select(func.count()).where(*is_ready)).scalar_one()


def forget_deliveries(world: World) -> None:
    with world.connector.services.database.write() as connection:
        connection.execute(delete(outbox))


def assert_swept(world: World, kind: str, begin: Callable[[], object]) -> None:
    """Begin work whose delivery the sweep queues only then, and again only if it is dead."""
    sweep = partial(world.connector.services.upkeep.sweep, Sweep())
    sweep()
    assert queued(world, kind) == 0
    begin()
    sweep()
    assert queued(world, kind) == 1
    with world.connector.services.database.write() as connection:
        connection.execute(update(outbox).where(outbox.c.kind == kind).values(state="dead"))
    sweep()
    assert queued(world, kind) == 1
