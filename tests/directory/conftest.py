"""Directories over HTTP, each started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connector.simulator.server import Simulator
from tests.directory.deployment import Deployment, deployed
from tests.directory.faulty import FaultyDirectory
from tests.identity.scim_server import ScimServer


@pytest.fixture(scope="session")
def standing_scim() -> Iterator[ScimServer]:
    """A SCIM server that runs until the last test."""
    with ScimServer() as running:
        yield running


@pytest.fixture
def scim(standing_scim: ScimServer) -> ScimServer:
    """A SCIM server without users."""
    standing_scim.empty()
    return standing_scim


@pytest.fixture
def faulty() -> Iterator[FaultyDirectory]:
    """A directory with answers that a test sets."""
    with FaultyDirectory() as running:
        yield running


@pytest.fixture(scope="session")
def standing_faulty() -> Iterator[FaultyDirectory]:
    """A directory with answers that tests set; it runs until the last of them has ended."""
    with FaultyDirectory() as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def standing_deployment(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    new_database: Callable[[str], str],
    standing_simulator: Simulator,
    standing_scim: ScimServer,
    standing_faulty: FaultyDirectory,
) -> Iterator[Deployment]:
    """A connector that runs until the last test."""
    data_dir = tmp_path_factory.mktemp("directory")
    url = new_database(request.param)
    with deployed(data_dir, url, standing_simulator, standing_scim, standing_faulty) as deployment:
        yield deployment


@pytest.fixture
def deployment(standing_deployment: Deployment, scim: ScimServer, simulator: Simulator) -> Deployment:
    """A connector whose tenants have remote directories, without users; all directories are empty."""
    del scim, simulator
    standing_deployment.begin_anew()
    return standing_deployment
