"""Directories over HTTP, each started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.directory.faulty import FaultyDirectory
from tests.identity.scim_server import ScimServer


@pytest.fixture(scope="session")
def standing_scim() -> Iterator[ScimServer]:
    """A SCIM server that stands as long as the tests last."""
    with ScimServer() as running:
        yield running


@pytest.fixture
def scim(standing_scim: ScimServer) -> ScimServer:
    """A SCIM server without users."""
    standing_scim.empty()
    return standing_scim


@pytest.fixture
def faulty() -> Iterator[FaultyDirectory]:
    """A directory that answers what a test says."""
    with FaultyDirectory() as running:
        yield running
