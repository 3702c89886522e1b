"""Databases, migrated or empty, a provider in one, and processes that race for them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text

from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.engine import Database
from connector.store.schema import VERSIONS
from tests.databases import empty_database, insert_provider
from tests.processes import PROGRAM, run_together

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
# Every process imports its modules, reports that it is ready, and begins at the same moment as the others.
RACE = "import sys\n{imports}\nprint('ready', flush=True)\nsys.stdin.readline()\n{body}\n"

Race = Callable[..., list[str]]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def postgresql_url(postgresql_database: str) -> Iterator[str]:
    """The URL of a migrated, empty PostgreSQL database."""
    yield postgresql_database
    empty_database(postgresql_database)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = make_url(request.getfixturevalue("postgresql_server"))
    name = f"empty_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template1"))
        yield server.set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def add_provider(database: Database) -> Callable[..., str]:
    """Insert a provider: `add_provider(name="Onfido", tenant="carbon.super")`; returns its id."""

    def add(name: str = "Onfido", tenant: str = DEFAULT_TENANT) -> str:
        return insert_provider(database, str(uuid.uuid4()), tenant, NOW, name=name)

    return add


@pytest.fixture
def provider_id(add_provider: Callable[..., str]) -> str:
    """A provider."""
    return add_provider()


@pytest.fixture
def race() -> Race:
    """Run a script in several processes at the same moment; returns the output of each."""

    def run(imports: str, body: str, *arguments: str, processes: int = 3) -> list[str]:
        command = [*PROGRAM, RACE.format(imports=imports, body=body), *arguments]
        return [printed.strip() for printed in run_together(command, processes)]

    return run


@pytest.fixture
def scripts_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic reads all migrations for each of its commands otherwise."""
    scripts = ScriptDirectory(str(VERSIONS.parent))
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _config: scripts)
