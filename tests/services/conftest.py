"""Databases to look into, and the command line on the same database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.settings import Settings
from connector.store.engine import Database

Run = Callable[..., Result]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database."""
    opened = Database(database_url)
    yield opened
    opened.close()


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
