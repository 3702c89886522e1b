"""A connector for each test, on the module's own `settings`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.settings import Settings
from tests.harness import Clock, ConnectorServer


@pytest.fixture
def clock() -> Clock:
    """The connector's clock."""
    return Clock()


@pytest.fixture
def connector(settings: Settings, clock: Clock) -> Iterator[ConnectorServer]:
    """A connector that no other test uses."""
    with ConnectorServer(settings, clock) as running:
        yield running
