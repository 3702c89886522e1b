"""One connector for all tests of a database. Tests that need a separate connector are in `alone/`, with their own
`settings`, derived from `own_settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from connector.settings import Settings
from connector.store.engine import Database
from tests.patience import patient_settings
from tests.services.receiving import Application
from tests.standing import clock, connector, setting_changes, settings, shared_connector, standing

__all__ = ["clock", "connector", "setting_changes", "settings", "shared_connector", "standing"]
Run = Callable[..., Result]


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
    """An application that receives notices."""
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
