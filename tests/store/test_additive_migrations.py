"""A migration after `OLDEST_SUPPORTED` is additive: earlier versions can still read and write."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from connector.errors import ConfigurationError
from connector.services.health import Health
from connector.store.engine import TOO_NEW, Database
from connector.store.schema import OLDEST_SUPPORTED, VERSIONS, Fit, known_versions
from tests import databases

IDENTIFIER = re.compile(r"\w+")
NEWER = "UPDATE alembic_version SET version_num = '9000'"
BACK = f"UPDATE alembic_version SET version_num = '{max(known_versions())}'"


def schema_of(connection: Connection) -> dict[str, Any]:
    """Return the schema for running processes: each table's columns, and those in its constraints."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": {each["name"]: each for each in inspector.get_columns(table)},
            "rules": {
                *(tuple(index["column_names"]) for index in inspector.get_indexes(table) if index["unique"]),
                *(tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table)),
                *(tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(table)),
                *(tuple(IDENTIFIER.findall(check["sqltext"])) for check in inspector.get_check_constraints(table)),
            },
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def violations(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the changes that an earlier version cannot work with."""
    gone = [f"{table} is gone" for table in before.keys() - after.keys()]
    return gone + [each for table in before.keys() & after.keys() for each in _of(table, before[table], after[table])]


def _of(table: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    former, columns = before["columns"], after["columns"]
    for name, column in former.items():
        if name not in columns:
            yield f"{table}.{name} is gone"
        elif (str(column["type"]), column["nullable"]) != (str(columns[name]["type"]), columns[name]["nullable"]):
            yield f"{table}.{name} is not what it was"
    for name in columns.keys() - former.keys():
        if not columns[name]["nullable"] and columns[name]["default"] is None:
            yield f"{table}.{name} has to be given"
    for rule in after["rules"] - before["rules"]:
        if set(rule) <= former.keys():  # a column that an earlier version does not write is null there
            yield f"{table} has a new rule about {', '.join(rule)}"


def upgrade_to(database: Database, version: str) -> dict[str, Any]:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        return schema_of(connection)


@pytest.mark.usefixtures("scripts_read_once")
def test_every_migration_since_the_oldest_supported_version_is_additive(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'steps.db'}")) as database:
        before = upgrade_to(database, OLDEST_SUPPORTED)
        for version in sorted(each for each in known_versions() if each > OLDEST_SUPPORTED):
            after = upgrade_to(database, version)
            assert violations(before, after) == [], f"{version}: raise OLDEST_SUPPORTED, or make it additive"
            before = after


@pytest.mark.parametrize(
    ("statement", "violation"),
    [
        ("DROP TABLE refused_starts", "refused_starts is gone"),
        ("ALTER TABLE history DROP COLUMN detail", "history.detail is gone"),
        ("ALTER TABLE users ADD COLUMN must INTEGER NOT NULL DEFAULT 1", None),
        ("ALTER TABLE users ADD COLUMN may INTEGER", None),
        ("CREATE INDEX ix_more ON users (created_at)", None),
        ("CREATE UNIQUE INDEX uq_more ON users (created_at)", "users has a new rule about created_at"),
    ],
)
def test_the_check_finds_a_migration_that_is_not_additive(
    tmp_path: Path, sqlite_template: Path, statement: str, violation: str | None
) -> None:
    path = shutil.copy(sqlite_template, tmp_path)
    with closing(Database(f"sqlite:///{path}")) as database, database.write() as connection:
        before = schema_of(connection)
        connection.execute(text(statement))
        after = schema_of(connection)
    assert violations(before, after) == ([violation] if violation else [])


class TestANewerSchema:
    def test_a_newer_schema_that_supports_this_version_is_accepted_and_left_unchanged(self, database: Database) -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO schema_support VALUES ('0001') ON CONFLICT DO NOTHING"))
        with databases.broken(database, NEWER, BACK):
            assert database.fit() is Fit.FITS
            assert Health(database).problem() is None
            database.prepare()
            database.migrate()
            assert database.fit() is Fit.FITS

    @pytest.mark.parametrize("support", ["DELETE FROM schema_support", "UPDATE schema_support SET oldest = '9000'"])
    def test_a_newer_schema_that_does_not_support_this_version_is_refused_with_advice(
        self, database: Database, support: str
    ) -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO schema_support VALUES ('0001') ON CONFLICT DO NOTHING"))
            connection.execute(text(support))
        with databases.broken(database, NEWER, BACK):
            assert database.fit() is Fit.AHEAD
            assert Health(database).problem() == TOO_NEW
            for refused in (database.prepare, database.migrate):
                with pytest.raises(ConfigurationError, match="install that version"):
                    refused()
