"""Each migration runs up and down with rows in every table: no row is lost, none is changed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    insert,
    inspect,
)

from connector.store import migrations
from connector.store.engine import Database
from connector.store.schema import VERSIONS, known_versions

ROWS = 2  # in each table
OWN = "alembic_version"
VALUES: tuple[tuple[type, Callable[[int], Any]], ...] = (
    (Boolean, lambda number: bool(number % 2)),
    (Date, lambda number: date(2026, 1, 1 + number)),
    (DateTime, lambda number: datetime(2026, 1, 1 + number, tzinfo=UTC)),
    (Integer, lambda number: number + 1),
    (Double, lambda number: number + 0.5),
    (Numeric, lambda number: number + 1),
    (LargeBinary, lambda number: b"value %d" % number),
)
EMPTY = {("providers", "client_id"), ("providers", "client_secret")}  # a provider has these or an API token
Rows = dict[str, list[dict[str, Any]]]
Schema = dict[str, Any]


@pytest.fixture
def database(empty_database_url: str) -> Any:
    database = Database(empty_database_url)
    yield database
    database.close()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("scripts_read_once")
def test_rows_of_every_version_survive_all_later_migrations_and_back(database: Database) -> None:
    versions = sorted(known_versions())
    schemas: dict[str, Schema] = {"base": {}}
    known: dict[str, list[Table]] = {"base": []}
    rows: Rows = {}  # each step's are the next one's former ones
    for version in versions:
        with database.write() as connection:
            migrations.upgrade(connection, version)
            inspector = inspect(connection)
            known[version] = tables(inspector)
            after = read_rows(connection, known[version])
            assert common(after, rows) == rows, f"up to {version}"
            rows = after | seed(connection, [table for table in known[version] if not after[table.name]])
            schemas[version] = describe(inspector)
    for version, earlier in itertools.pairwise([*reversed(versions), "base"]):
        with database.write() as connection:
            migrations.downgrade(connection, earlier)
            assert describe(inspect(connection)) == schemas[earlier], f"down to {earlier}"
            after = read_rows(connection, known[earlier])
            assert common(rows, after) == after, f"down from {version}"
            rows = after


def tables(inspector: Any) -> list[Table]:
    """Return the database's tables in an order in which each table follows those it refers to."""
    metadata = MetaData()
    metadata.reflect(inspector)
    return [table for table in metadata.sorted_tables if table.name != OWN]


def seed(connection: Connection, empty: list[Table]) -> Rows:
    """Insert rows into tables that have none, and return them."""
    for table in empty:
        connection.execute(insert(table), [row(table, number) for number in range(ROWS)])
    return read_rows(connection, empty)


def row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: value(table, column, number) for column in table.columns}


def value(table: Table, column: Column[Any], number: int) -> Any:
    """Return a value of the column's type; of a foreign key, the value of the row it refers to."""
    if (table.name, column.name) in EMPTY:
        return None
    for key in column.foreign_keys:
        return value(key.column.table, key.column, number)
    for kind, make in VALUES:
        if isinstance(column.type, kind):
            return make(number)
    text = f"{number}{column.name}"
    return text[: getattr(column.type, "length", None) or len(text)]


def read_rows(connection: Connection, known: list[Table]) -> Rows:
    """Return the rows of every table, in the order of their keys, as the driver reads them."""
    return {table.name: _rows(connection, table) for table in known}


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    order = ", ".join(column.name for column in table.primary_key)
    result = connection.exec_driver_sql(f"SELECT * FROM {table.name} ORDER BY {order}")
    names = list(result.keys())
    return [dict(zip(names, each, strict=True)) for each in result]


def common(rows: Rows, like: Rows) -> Rows:
    """Return the rows with only the tables and columns of `like`."""
    return {
        name: [{column: each[column] for column in (some[0] if some else {})} for each in rows[name]]
        for name, some in like.items()
    }


def describe(inspector: Any) -> Schema:
    """Return columns, keys and indexes of every table, without an order."""
    keys, refers = inspector.get_multi_pk_constraint(), inspector.get_multi_foreign_keys()
    indexes, unique = inspector.get_multi_indexes(), inspector.get_multi_unique_constraints()
    return {
        name: {
            "columns": sorted((each["name"], str(each["type"]), each["nullable"]) for each in columns),
            "key": sorted(keys[place, name]["constrained_columns"]),
            "refers": sorted(str(each["constrained_columns"]) for each in refers[place, name]),
            "indexes": sorted((str(each["name"]), str(each["column_names"])) for each in indexes[place, name]),
            "unique": sorted(str(each["column_names"]) for each in unique[place, name]),
        }
        for (place, name), columns in inspector.get_multi_columns().items()
        if name != OWN
    }


def test_no_migration_rebuilds_a_table() -> None:
    """SQLite drops the former table during a rebuild, and with it rows that refer to it."""
    files = sorted(VERSIONS.glob("[0-9]*.py"))
    assert files
    assert [path.name for path in files if "batch_alter_table" in path.read_text()] == []
