"""Each migration runs up and down with rows in every table: no row is lost, none is changed."""

from __future__ import annotations

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
    select,
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


def test_rows_of_every_version_survive_all_later_migrations_and_back(database: Database) -> None:
    versions = sorted(known_versions())
    schemas: dict[str, Schema] = {}
    held: dict[str, Rows] = {}
    for version in versions:
        with database.write() as connection:
            before = read_rows(connection)
            migrations.upgrade(connection, version)
            assert common(read_rows(connection), before) == before, f"up to {version}"
            seed(connection)
            schemas[version], held[version] = describe(connection), read_rows(connection)
    for version, earlier in zip(reversed(versions), [*reversed(versions[:-1]), "base"], strict=True):
        with database.write() as connection:
            before = read_rows(connection)
            migrations.downgrade(connection, earlier)
            after = read_rows(connection)
            assert common(before, after) == after, f"down from {version}"
            assert after.keys() == held.get(earlier, {}).keys()
            if earlier in schemas:
                assert describe(connection) == schemas[earlier], f"down to {earlier}"


def tables(connection: Connection) -> list[Table]:
    """Return the tables as the database has them, those that others refer to first."""
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != OWN]


def seed(connection: Connection) -> None:
    """Insert rows into every table that has none."""
    for table in tables(connection):
        if connection.execute(select(table).limit(1)).first() is None:
            connection.execute(insert(table), [row(table, number) for number in range(ROWS)])


def row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: value(table, column, number) for column in table.columns}


def value(table: Table, column: Column[Any], number: int) -> Any:
    """Return a value of the column's type; the one of the row it refers to, where it is a foreign key."""
    if (table.name, column.name) in EMPTY:
        return None
    for key in column.foreign_keys:
        return value(key.column.table, key.column, number)
    for kind, make in VALUES:
        if isinstance(column.type, kind):
            return make(number)
    text = f"{number}{column.name}"
    return text[: getattr(column.type, "length", None) or len(text)]


def read_rows(connection: Connection) -> Rows:
    """Return the rows of every table, in the order of their keys."""
    return {
        table.name: [dict(each._mapping) for each in connection.execute(select(table).order_by(*table.primary_key))]
        for table in tables(connection)
    }


def common(rows: Rows, like: Rows) -> Rows:
    """Return those tables and columns of the rows that `like` has."""
    return {
        name: [{column: each[column] for column in (some[0] if some else {})} for each in rows[name]]
        for name, some in like.items()
    }


def describe(connection: Connection) -> Schema:
    """Return columns, keys and indexes of every table, in no order."""
    inspector = inspect(connection)
    return {
        name: {
            "columns": sorted(
                (each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(name)
            ),
            "key": sorted(inspector.get_pk_constraint(name)["constrained_columns"]),
            "refers": sorted(str(each["constrained_columns"]) for each in inspector.get_foreign_keys(name)),
            "indexes": sorted((str(each["name"]), str(each["column_names"])) for each in inspector.get_indexes(name)),
            "unique": sorted(str(each["column_names"]) for each in inspector.get_unique_constraints(name)),
        }
        for name in inspector.get_table_names()
        if name != OWN
    }


def test_no_migration_rebuilds_a_table() -> None:
    """SQLite deletes a table that is rebuilt, and with it the rows that refer to it."""
    files = sorted(VERSIONS.glob("[0-9]*.py"))
    assert files
    assert [path.name for path in files if "batch_alter_table" in path.read_text()] == []
