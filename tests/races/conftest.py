"""One connector for all attacks on a database; each test has a tenant, a provider and an Onfido to itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.between import Between, between
from tests.harness import Caller, Clock, ConnectorServer, World
from tests.races.attack import RUN_SETTLE_TIME, add_provider, register_webhook

_numbers = itertools.count()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def attacked(
    request: pytest.FixtureRequest, new_settings: Callable[..., Settings]
) -> Iterator[tuple[ConnectorServer, Clock]]:
    """A connector whose lease expires long before `run_settle_time` has passed, and its clock."""
    settings, clock = new_settings(request.param, run_settle_time=RUN_SETTLE_TIME), Clock()
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
    clock.go_on()  # the next test's clock is the same


@pytest.fixture
def world(quiet: World) -> World:
    """A provider whose webhook is registered at Onfido."""
    return register_webhook(quiet)


@pytest.fixture
def ann(quiet: World) -> Caller:
    """The user ann."""
    return quiet.add_user()


@pytest.fixture
def onfido(quiet: World) -> Iterator[Between]:
    """A relay between the connector and Onfido."""
    with between(quiet) as server:
        yield server
