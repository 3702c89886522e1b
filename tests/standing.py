"""One connector for all tests of a folder and a database: it is emptied, and its clock reset, before each test.

Starting a connector costs more than most tests that drive one. A `conftest.py` imports these fixtures in place of the
suite's own `settings`, `clock` and `connector`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from connector.console.ground import TURNS
from connector.console.turns import SignInTurns
from connector.settings import Settings
from connector.store.models import providers, secrets
from tests.databases import delete_rows
from tests.harness import Clock, ConnectorServer


@dataclass
class StandingConnector:
    """A connector that outlives the tests, and the clock of the test that it serves."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    connector: ConnectorServer = field(init=False)

    def __post_init__(self) -> None:
        self.connector = ConnectorServer(self.settings, self.now)

    def now(self) -> datetime:
        return self.clock()

    def begin_anew(self) -> None:
        """Delete everything except the keys, which the connector has read already."""
        self.clock = Clock()
        extensions = self.connector.app.extensions
        if TURNS in extensions:  # its minute is a real one, in which many tests sign in from the same address
            extensions[TURNS] = SignInTurns(max(1, self.settings.console_threads // 2))
        with self.connector.services.database.write() as connection:
            connection.execute(select(providers.c.id).with_for_update())  # shared fixtures first, as everywhere
            delete_rows(connection, secrets)


@pytest.fixture(scope="session")
def setting_changes() -> Mapping[str, Any]:
    """The settings in which a folder's connector differs from the others."""
    return {}


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_connector(
    request: pytest.FixtureRequest, new_settings: Callable[..., Settings], setting_changes: Mapping[str, Any]
) -> Iterator[StandingConnector]:
    """A connector that runs until the last test."""
    standing = StandingConnector(new_settings(request.param, **setting_changes))
    with standing.connector:
        standing.connector.rest()
        yield standing


@pytest.fixture
def standing(shared_connector: StandingConnector) -> Iterator[StandingConnector]:
    """The connector that all tests share, as if newly installed."""
    shared_connector.begin_anew()
    shared_connector.connector.deliver()
    yield shared_connector
    shared_connector.connector.rest()


@pytest.fixture
def settings(standing: StandingConnector) -> Settings:
    """The settings of the connector that all tests share."""
    return standing.settings


@pytest.fixture
def clock(standing: StandingConnector) -> Clock:
    """Its clock."""
    return standing.clock


@pytest.fixture
def connector(standing: StandingConnector) -> ConnectorServer:
    """The connector that all tests share."""
    return standing.connector
