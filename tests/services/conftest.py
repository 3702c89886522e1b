"""One connector for all tests of a database: each finds it empty and at the right time.

Starting a connector costs more than most of these tests. What needs a connector to itself is in `alone/`, with
`settings` of its own, made from `own_settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, select

from connector.cli import main
from connector.settings import Settings
from connector.store.engine import Database
from connector.store.models import metadata, providers, secrets
from tests.harness import Clock, ConnectorServer
from tests.patience import patient_settings
from tests.services.receiving import Application

Run = Callable[..., Result]


@dataclass
class Standing:
    """A connector that outlives the tests, and the clock of the test that it serves."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    connector: ConnectorServer = field(init=False)

    def __post_init__(self) -> None:
        self.connector = ConnectorServer(self.settings, self.now)

    def now(self) -> datetime:
        return self.clock()

    def begin_anew(self) -> None:
        """Forget everything but the keys, which the connector has read."""
        self.clock = Clock()
        with self.connector.services.database.write() as connection:
            connection.execute(select(providers.c.id).with_for_update())  # before what is theirs, as everywhere
            for table in reversed(metadata.sorted_tables):
                if table is not secrets:
                    connection.execute(delete(table))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[str], str]
) -> Iterator[Standing]:
    """A connector that stands as long as the tests last."""
    standing = Standing(patient_settings(tmp_path_factory.mktemp("services"), new_database(request.param)))
    with standing.connector:
        standing.connector.rest()
        yield standing


@pytest.fixture
def standing(shared: Standing) -> Iterator[Standing]:
    """The connector that all tests share, as if it had just been set up."""
    shared.begin_anew()
    shared.connector.deliver()
    yield shared
    shared.connector.rest()


@pytest.fixture
def settings(standing: Standing) -> Settings:
    """The settings of the connector that all tests share."""
    return standing.settings


@pytest.fixture
def clock(standing: Standing) -> Clock:
    """Its clock."""
    return standing.clock


@pytest.fixture
def connector(standing: Standing) -> ConnectorServer:
    """The connector that all tests share."""
    return standing.connector


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database that no connector uses."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def own_settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of that database, for a connector that no other test uses."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return patient_settings(data_dir, database_url)


@pytest.fixture
def application() -> Iterator[Application]:
    """An application that takes notices."""
    with Application() as running:
        yield running


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command on the database of the connector: `run("outbox", "list", "--json")`."""
    environ = {
        "CONNECTOR_DATA_DIR": str(settings.data_dir),
        "CONNECTOR_DATABASE_URL": settings.database_url,
        "CONNECTOR_CONFIG": "",
    }

    def run(*arguments: str, **variables: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environ | variables, catch_exceptions=False)

    return run
