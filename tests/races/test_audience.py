"""What is added while an event is applied is notified of the event, or was committed after it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence

import pytest

from connector.domain.notices import CLAIMS_CHANGED, EndpointConfig
from connector.domain.signals import Receiver, StreamConfig
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.bodies import event_body
from tests.harness import Caller, Clock, ConnectorServer, World
from tests.races.attack import ALL_CLEAR, add_provider, change_provider
from tests.races.colliding import RUN_LOCKED, collide
from tests.services.committing import recorded
from tests.services.receiving import rows_of

MONITORED = {"tags": [], "watchlistMonitor": "watchlist_standard"}


@pytest.fixture(scope="module")
def running(new_settings: Callable[..., Settings]) -> Iterator[tuple[ConnectorServer, Clock]]:
    clock = Clock()
    with ConnectorServer(new_settings("postgresql"), clock) as connector:
        connector.rest()
        yield connector, clock


@pytest.fixture
def world(running: tuple[ConnectorServer, Clock], simulator: Simulator) -> World:
    connector, clock = running
    return add_provider(World(connector, simulator, clock, tenant=f"audience-{uuid.uuid4()}"))


def add_endpoint(world: World) -> None:
    config = EndpointConfig("http://127.0.0.1:9/notices", (CLAIMS_CHANGED,))
    world.connector.services.endpoints.add(Tenant(world.tenant), config)


def add_own_endpoint(world: World) -> None:
    config = EndpointConfig("http://127.0.0.1:9/notices", (CLAIMS_CHANGED,), world.provider_id)
    world.connector.services.endpoints.add(Tenant(world.tenant), config)


def add_stream(world: World) -> None:
    receiver = Receiver("issuer", "receiver")
    world.connector.services.signal_streams.add(Tenant(world.tenant), receiver, "issuer", StreamConfig())


def monitor(world: World) -> None:
    change_provider(world, studio=MONITORED)


ADDITIONS = [
    pytest.param(add_endpoint, "INSERT INTO notice_endpoints", "tell_change", id="endpoint of a tenant"),
    pytest.param(add_own_endpoint, "INSERT INTO notice_endpoints", "tell_change", id="endpoint of a provider"),
    pytest.param(add_stream, "INSERT INTO signal_streams", "tell_level", id="stream"),
    pytest.param(monitor, "UPDATE providers", "update_monitor", id="setting"),
]


@pytest.mark.parametrize(("add", "_insertion", "kind"), ADDITIONS)
def test_an_event_queues_deliveries_once_there_is_an_audience(
    quiet: World, ann: Caller, add: Callable[[World], None], _insertion: str, kind: str
) -> None:
    run_id = quiet.start(ann)
    with recorded() as statements:
        assert approve(quiet, run_id) == 200
    assert [each for each in statements if each.startswith("INSERT INTO outbox")] == []
    assert not deliveries(quiet, kind)

    run_id = quiet.start(quiet.add_user("bob"))
    add(quiet)
    assert approve(quiet, run_id) == 200

    assert deliveries(quiet, kind)


@pytest.mark.parametrize(("add", "_insertion", "kind"), ADDITIONS)
def test_what_is_added_while_an_event_is_applied_is_committed_after_it_or_is_notified(
    world: World, add: Callable[[World], None], _insertion: str, kind: str
) -> None:
    run_id = world.start(world.add_user())

    def status_after_addition() -> str:
        add(world)
        return world.verifications("ann")[0].status

    answer, status = collide(
        world.connector.services.database, lambda: approve(world, run_id), RUN_LOCKED, status_after_addition
    )

    assert answer == 200
    assert status == "approved" or deliveries(world, kind)


@pytest.mark.parametrize(("add", "insertion", "kind"), ADDITIONS)
def test_an_event_that_waits_for_an_addition_is_notified(
    world: World, add: Callable[[World], None], insertion: str, kind: str
) -> None:
    run_id = world.start(world.add_user())

    def status_after_event() -> str:
        assert approve(world, run_id) == 200
        return world.verifications("ann")[0].status

    _, status = collide(world.connector.services.database, lambda: add(world), (insertion,), status_after_event)

    assert status == "approved"
    assert deliveries(world, kind)


def approve(world: World, run_id: str) -> int:
    return world.post_event(event_body(run_id, "approved", ALL_CLEAR)).status_code


def deliveries(world: World, kind: str) -> Sequence[object]:
    return [row for row in rows_of(world, kind) if row.payload["tenant"] == world.tenant]
