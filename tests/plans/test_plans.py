"""No statement of a route, a list, the sweep or the worker takes longer because there are more users.

A hundred thousand users are put into PostgreSQL, whose plans depend on the number of rows; SQLite, whose plans do not,
gets fewer. Then all routes, commands and deliveries are called, and the database explains its plan for each
statement that they sent.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
from sqlalchemy import PrimaryKeyConstraint, Table, UniqueConstraint, func, literal, make_url, select

from connector.cli import main
from connector.pages import applications
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.models import metadata, outbox
from connector.store.models.columns import whole_schema
from tests.contract.wire import METRICS_TOKEN, WEBHOOK_TOKEN
from tests.crowd import BULK
from tests.harness import Clock, ConnectorServer, World
from tests.plans.driving import drive
from tests.plans.judging import GROWING, fault_on_postgresql, fault_on_sqlite
from tests.plans.populating import name_requests, populate
from tests.plans.recording import Recorder, Statement
from tests.signals.receiver import SIGNALS

USERS = {"postgresql": 80_000, "sqlite": 10_000}  # and a quarter of that elsewhere

pytestmark = pytest.mark.timeout(900)  # to fill the databases takes long on a busy machine

# What reads no table: files, the answer to our own question, the page of all parts, and sign-in at an issuer, which
# ends in what a link's does.
LEFT_OUT = re.compile(
    r"\.static$| self_check\.answer_question$"
    r"| console\.(show_nothing|sample\.|sign_in\.(start|complete|take_sign_out|show_))"
)


@dataclass
class Driven:
    """A connector on which everything was called."""

    world: World
    users: int
    recorder: Recorder
    called: set[str]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def driven(request: pytest.FixtureRequest, new_settings: Callable[..., Settings]) -> Iterator[Driven]:
    settings = new_settings(request.param, metrics_token=METRICS_TOKEN, signals=SIGNALS)
    clock, recorder = Clock(), Recorder()
    with recorder.installed(), Simulator() as simulator, ConnectorServer(settings, clock) as connector:
        called = name_requests(connector, recorder.begin)
        connector.rest()
        world = World(connector, simulator, clock, webhook_token=WEBHOOK_TOKEN)
        neighbour = populate(world, USERS[request.param])
        drive(world, recorder, neighbour)
        yield Driven(world, USERS[request.param], recorder, called)


def test_every_route_is_called(driven: Driven) -> None:
    rules = [rule for app in applications(driven.world.connector.app) for rule in app.url_map.iter_rules()]
    routes = {f"{method} {rule.endpoint}" for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    missing = {route for route in routes - driven.called if not LEFT_OUT.search(route)}
    assert not missing, "\n".join(sorted(missing))


def test_every_list_of_the_command_line_is_called(driven: Driven) -> None:
    called = {sender.removeprefix("connector ") for sender, _ in driven.recorder.statements}
    assert [name for name in lists(main) if not any(each.startswith(name) for each in called)] == []


def lists(command: click.Command, name: str = "") -> Iterator[str]:
    """Yield the commands that print a page."""
    if isinstance(command, click.Group):
        for each, child in command.commands.items():
            yield from lists(child, f"{name} {each}".strip())
    elif any(parameter.name == "limit" for parameter in command.params):
        yield name


def test_every_kind_of_delivery_is_made(driven: Driven) -> None:
    services = driven.world.connector.services
    with services.database.read() as connection:
        statement = select(outbox.c.kind).distinct().where(outbox.c.state == "done", outbox.c.kind != BULK)
        made = set(connection.execute(statement).scalars())
    assert set(services.outbox.kinds) - made == {"sweep"}  # which is called as it is


def test_every_foreign_key_has_an_index() -> None:
    """The index finds the rows that are deleted with the row that they refer to."""
    missing = [
        (table.name, names)
        for table in whole_schema().sorted_tables
        for names in (tuple(key.column_keys) for key in table.foreign_key_constraints)
        if not any(head[: len(names)] == names for head in heads(table))
    ]
    assert missing == []


def heads(table: Table) -> list[tuple[str, ...]]:
    """Return the columns of each index, those of constraints included."""
    unique = (each for each in table.constraints if isinstance(each, PrimaryKeyConstraint | UniqueConstraint))
    return [tuple(each.columns.keys()) for each in (*table.indexes, *unique)]


def test_every_growing_table_has_rows(driven: Driven) -> None:
    """The plan for a nearly empty table would prove nothing."""
    with driven.world.connector.services.database.read() as connection:
        for name in sorted(GROWING):
            rows = select(literal(1)).select_from(metadata.tables[name]).limit(driven.users).subquery()
            assert connection.execute(select(func.count()).select_from(rows)).scalar_one() == driven.users, name


def test_no_statement_scans_more_rows_with_more_users(driven: Driven) -> None:
    statements = list(driven.recorder.statements.values())
    assert len(statements) > 200
    faults = list(find_faults(driven.world, statements))
    assert not faults, "\n\n".join(faults)
    database = driven.world.connector.services.database
    if database.is_sqlite:  # its statistics are not collected automatically, but may be
        with database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
        faults = list(find_faults(driven.world, statements))
        assert not faults, "\n\n".join(faults)


def find_faults(world: World, statements: list[Statement]) -> Iterator[str]:
    url = make_url(world.connector.settings.database_url)
    explain: Any = fault_on_postgresql
    if url.get_backend_name() == "sqlite":  # whose plans depend on the text alone
        explain, statements = fault_on_sqlite, list({each.text: each for each in statements}.values())
    with connect(url) as connection:
        for each in statements:
            if fault := explain(connection, each):
                yield f"{each.sender}: {each.text}\n{fault}"


def connect(url: Any) -> Any:
    if url.get_backend_name() == "sqlite":
        return sqlite3.connect(Path(str(url.database)))
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)
