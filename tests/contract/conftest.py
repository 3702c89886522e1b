"""A connector that many tests share, where starting one for each would cost more than the tests themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connector.simulator.server import Simulator
from tests.bodies import config_properties
from tests.contract.wire import METRICS_TOKEN, WEBHOOK_TOKEN, new_provider
from tests.harness import HTTP, Caller, Clock, ConnectorServer, World
from tests.patience import patient_settings
from tests.standing import clock, connector, setting_changes, settings, shared_connector, standing

__all__ = ["clock", "connector", "setting_changes", "settings", "shared_connector", "standing"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database_url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """The URL of a migrated database for a whole module."""
    return new_database(request.param)


@pytest.fixture(scope="module")
def shared(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A connector whose provider has a webhook token that Onfido does not know: no event arrives by itself.

    What a test adds stays for the tests after it: take new users and new providers.
    """
    settings = patient_settings(
        tmp_path_factory.mktemp("data"),
        shared_database_url,
        onfido_read_retries=0,
        onfido_rate_limit=100_000,
        metrics_token=METRICS_TOKEN,
    )
    clock = Clock()
    with Simulator() as simulator, ConnectorServer(settings, clock) as connector:
        world = World(connector, simulator, clock, webhook_token=WEBHOOK_TOKEN)
        properties = config_properties(simulator, webhook_token=WEBHOOK_TOKEN)
        world.provider_id = new_provider(world, configProperties=properties)
        yield world


@pytest.fixture
def onfido(shared: World) -> Iterator[World]:
    """The shared connector, with an Onfido whose switches go back afterwards."""
    yield shared
    assert HTTP.post(f"{shared.simulator.url}/simulator/reset", timeout=60).ok


@pytest.fixture
def admin(shared: World) -> Caller:
    """An administrator of the default tenant."""
    return shared.connector.as_admin()


@pytest.fixture
def provider_id(shared: World) -> str:
    """A provider of the test's own, without a webhook."""
    return new_provider(shared)
