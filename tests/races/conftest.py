"""One connector for all attacks on a database; each test has a tenant, a provider and an Onfido to itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from connector.simulator.server import Simulator
from tests.harness import Clock, ConnectorServer, World
from tests.patience import patient_settings
from tests.races.attack import RUN_SETTLE_TIME, add_provider, register_webhook

_numbers = itertools.count()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[tuple[ConnectorServer, Clock]]:
    """A connector whose lease expires long before `run_settle_time` has passed, and its clock."""
    settings = patient_settings(
        tmp_path_factory.mktemp("races"), new_database(request.param), run_settle_time=RUN_SETTLE_TIME
    )
    clock = Clock()
    with ConnectorServer(settings, clock) as running:
        running.rest()
        yield running, clock


@pytest.fixture
def quiet(attacked: tuple[ConnectorServer, Clock], simulator: Simulator) -> Iterator[World]:
    """A provider whose webhook receives only the test's events."""
    connector, clock = attacked
    world = World(connector, simulator, clock, tenant=f"races-{next(_numbers)}")
    world.faults(retry_after=0)
    connector.deliver()
    yield add_provider(world)
    connector.rest()


@pytest.fixture
def world(quiet: World) -> World:
    """A provider whose webhook is registered at Onfido."""
    return register_webhook(quiet)
