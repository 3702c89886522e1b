"""One connector for all attacks on a database; each test has a tenant, a provider and an Onfido to itself."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.settings import Settings
from connector.simulator.server import Simulator
from tests.databases import put_database
from tests.harness import Clock, ConnectorServer, World
from tests.races.attack import RUN_SETTLE_TIME, add_provider, register_webhook

_numbers = itertools.count()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def attacked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ConnectorServer, Clock]]:
    """A connector whose lease runs out well before an unanswered start of a run is settled, and its clock."""
    data_dir = tmp_path_factory.mktemp("races")
    settings = Settings(
        data_dir=data_dir,
        database_url=_empty_database(request, data_dir),
        allow_http_loopback=True,
        onfido_rate_limit=1_000_000,
        run_settle_time=RUN_SETTLE_TIME,
        dev=True,
    )
    clock = Clock()
    with ConnectorServer(settings, clock) as running:
        yield running, clock


def _empty_database(request: pytest.FixtureRequest, directory: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), directory / 'connector.db')}"
    return put_database(request.getfixturevalue("postgresql_server"), "races", template="template")


@pytest.fixture
def quiet(attacked: tuple[ConnectorServer, Clock], simulator: Simulator) -> World:
    """A provider whose webhook gets what the test posts and nothing else."""
    connector, clock = attacked
    world = World(connector, simulator, clock, tenant=f"races-{next(_numbers)}")
    world.faults(retry_after=0)
    return add_provider(world)


@pytest.fixture
def world(quiet: World) -> World:
    """A provider whose webhook is registered at Onfido."""
    return register_webhook(quiet)
