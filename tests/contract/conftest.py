"""A connector that many tests share, because starting one for each would take longer than the tests themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.bodies import config_properties
from tests.contract.wire import METRICS_TOKEN, WEBHOOK_TOKEN, new_provider
from tests.harness import HTTP, Caller, World
from tests.standing import StandingConnector, clock, connector, setting_changes, settings, shared_connector, standing

__all__ = ["clock", "connector", "setting_changes", "settings", "shared_connector", "standing"]


@pytest.fixture(scope="session")
def site_of(new_settings: Callable[..., Settings]) -> Iterator[Callable[[str], StandingConnector]]:
    """Return the connector of all modules on a kind of database."""
    with ExitStack() as stack:

        @functools.cache
        def start(kind: str) -> StandingConnector:
            settings = new_settings(kind, onfido_read_retries=0, onfido_rate_limit=100_000, metrics_token=METRICS_TOKEN)
            standing = StandingConnector(settings)
            stack.enter_context(standing.connector).rest()
            return standing

        yield start


@pytest.fixture(scope="session")
def onfido_of_modules() -> Iterator[Simulator]:
    """A simulated Onfido for all modules; that of single tests is emptied after each test."""
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that a module runs over."""
    return str(request.param)


@pytest.fixture(scope="module")
def shared(
    database_kind: str, site_of: Callable[[str], StandingConnector], onfido_of_modules: Simulator
) -> Iterator[World]:
    """A connector whose provider has a webhook token that Onfido does not know: no event arrives by itself.

    Rows that a test adds stay until the end of its module: use new users and new providers.
    """
    standing = site_of(database_kind)
    standing.begin_anew()
    assert HTTP.post(f"{onfido_of_modules.url}/simulator/reset", timeout=60).ok
    standing.connector.deliver()
    world = World(standing.connector, onfido_of_modules, standing.clock, webhook_token=WEBHOOK_TOKEN)
    properties = config_properties(onfido_of_modules, webhook_token=WEBHOOK_TOKEN)
    world.provider_id = new_provider(world, configProperties=properties)
    yield world
    standing.connector.rest()


@pytest.fixture
def onfido(shared: World) -> Iterator[World]:
    """The shared connector, with an Onfido whose switches are reset afterwards."""
    yield shared
    assert HTTP.post(f"{shared.simulator.url}/simulator/reset", timeout=60).ok


@pytest.fixture
def own(onfido: World) -> World:
    """The shared connector, with a separate provider; Onfido posts nothing by itself."""
    properties = config_properties(onfido.simulator, webhook_token=WEBHOOK_TOKEN)
    return replace(onfido, provider_id=new_provider(onfido, configProperties=properties))


@pytest.fixture
def admin(shared: World) -> Caller:
    """An administrator of the default tenant."""
    return shared.connector.as_admin()


@pytest.fixture
def provider_id(shared: World) -> str:
    """A provider of the test's own, without a webhook."""
    return new_provider(shared)
