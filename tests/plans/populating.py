"""A connector with many users, whose requests are recorded under their routes' names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import request
from sqlalchemy import Connection

from connector.pages import applications
from connector.store.engine import lift_time_limits
from connector.store.models import metadata
from tests.bodies import provider_body
from tests.contract.wire import PROVIDERS
from tests.crowd import OF_SANDBOX, Place, settle
from tests.harness import ConnectorServer, World

ELSEWHERE = "elsewhere.example"
MOST_CACHED = 2_000_000  # KiB of the database, while it is filled


def name_requests(connector: ConnectorServer, begin: Callable[[str], None]) -> set[str]:
    """Call `begin` with the name of each request's route; return the routes that answered with success."""
    called: set[str] = set()

    def note(response: Any) -> Any:
        if response.status_code < 400:
            called.add(_route())
        return response

    for app in applications(connector.app):
        app.before_request(lambda: begin(_route()))
        app.after_request(note)
    return called


def populate(world: World, number: int) -> str:
    """Insert this number of users, and an eighth of it in another tenant; return another provider of the tenant."""
    admin, others = world.connector.as_admin(), world.connector.as_admin(ELSEWHERE)
    body = provider_body(world.simulator)
    world.provider_id = admin.post(PROVIDERS, body).json()["id"]
    neighbour: str = admin.post(PROVIDERS, body | {"name": "neighbour"}).json()["id"]
    elsewhere: str = others.post(PROVIDERS, body).json()["id"]
    database = world.connector.services.database
    with database.write() as connection, filling(connection):
        settle(connection, Place(world.tenant, world.provider_id, "a"), number)
        settle(connection, Place(world.tenant, neighbour, "b", of_sandbox=10 * OF_SANDBOX), number // 8)
        settle(connection, Place(ELSEWHERE, elsewhere, "c"), number // 8)
    if not database.is_sqlite:
        with database.write() as connection:
            collect_statistics(connection)
    return neighbour


@contextmanager
def filling(connection: Connection) -> Iterator[None]:
    """Prepare a transaction for very many new rows, whose ids come in no order."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{MOST_CACHED}")
        yield
        connection.exec_driver_sql("PRAGMA cache_size = -2000")
        return
    # To sort all rows for an index at the end takes a third less CPU time than to find the place of each.
    ours = "indrelid = ANY(%s::regclass[])"
    connection.exec_driver_sql(f"UPDATE pg_index SET indisready = false WHERE {ours}", (list(metadata.tables),))
    yield
    connection.exec_driver_sql("; ".join(f"REINDEX TABLE {name}" for name in metadata.tables))
    left = connection.exec_driver_sql(
        f"SELECT 1 FROM pg_index WHERE {ours} AND NOT indisready", (list(metadata.tables),)
    )
    assert left.first() is None, "an index is not used by the plans"


def collect_statistics(connection: Connection) -> None:
    """Analyze every row in PostgreSQL, once: a sample, or later statistics, could change the plans."""
    for name in metadata.tables:
        connection.exec_driver_sql(f"ALTER TABLE {name} SET (autovacuum_enabled = off)")
    lift_time_limits(connection)  # on a busy machine this takes long
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # others on the server may analyze shared catalogs
    connection.exec_driver_sql("SET LOCAL default_statistics_target = 400")  # 300 rows for each
    connection.exec_driver_sql("ANALYZE")


def _route() -> str:
    return f"{request.method} {request.endpoint}"
