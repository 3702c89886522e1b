"""The schema: migrations lead exactly to the tables, and run once, in one of several processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, inspect, select, text

from connector.domain.tenancy import DEFAULT_TENANT
from connector.store import migrations, models
from connector.store.engine import MIGRATION_LOCK, Database
from connector.store.models.columns import whole_schema
from connector.store.schema import VERSIONS, Fit, known_versions, newest_version
from tests.databases import of_another_version
from tests.waiting import GENEROUS

# Says twice whether the migrations are read while the schema is looked at, and how it is.
LOOK_TWICE = """
FILES = {"open", "os.listdir", "os.scandir"}
touched = []
sys.addaudithook(lambda event, about: touched.append(str(about[0])) if event in FILES else None)
database = Database(f"sqlite:///{sys.argv[1]}")
for _ in range(2):
    touched.clear()
    fit = database.fit().value
    print(any("migrations/versions" in path for path in touched), fit)
database.close()
"""


def test_migrations_produce_exactly_the_tables_of_the_models(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    database.migrate()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, whole_schema())
    database.close()
    assert differences == []


def test_partial_indexes_have_the_conditions_of_the_models(database: Database) -> None:
    """Alembic compares the columns of an index, not its condition."""
    dialect = "sqlite" if database.is_sqlite else "postgresql"
    expected = {
        index.name: str(index.dialect_options[dialect]["where"])
        for table in whole_schema().sorted_tables
        for index in table.indexes
        if index.dialect_options[dialect]["where"] is not None
    }
    with database.read() as connection:
        inspector = inspect(connection)
        found = {
            index["name"]: str(index["dialect_options"][f"{dialect}_where"])
            for table in whole_schema().sorted_tables
            for index in inspector.get_indexes(table.name)
            if f"{dialect}_where" in index.get("dialect_options", {})
        }
    assert "uq_verifications_open" in expected
    assert {name: _normal(where) for name, where in found.items()} == {
        name: _normal(where) for name, where in expected.items()
    }


def test_migrations_are_named_by_version_and_the_newest_is_the_last() -> None:
    script = ScriptDirectory(str(VERSIONS.parent))
    assert known_versions() == {each.revision for each in script.walk_revisions()}
    assert script.get_heads() == [newest_version()]


def test_only_a_migrated_database_is_current(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    assert database.fit() is Fit.BEHIND
    database.migrate()
    assert database.fit() is Fit.FITS
    database.close()


def test_a_database_of_another_version_is_not_current(database: Database) -> None:
    with of_another_version(database):
        assert database.fit() is Fit.BEHIND
    assert database.fit() is Fit.FITS


def test_a_process_reads_its_migrations_once(sqlite_template: Path, race: Callable[..., list[str]]) -> None:
    """Load balancers ask for the readiness every second."""
    printed = race("from connector.store.engine import Database", LOOK_TWICE, str(sqlite_template), processes=1)
    assert printed == ["True fits\nFalse fits"]


def test_migrating_twice_changes_nothing(database: Database, provider_id: str) -> None:
    database.migrate()
    assert database.fit() is Fit.FITS
    with database.read() as connection:
        assert connection.execute(text("SELECT id FROM providers")).scalar_one() == provider_id


def test_concurrent_migrations_of_an_empty_database_all_succeed(
    empty_database_url: str, race: Callable[..., list[str]]
) -> None:
    printed = race(
        "from connector.store.engine import Database",
        "database = Database(sys.argv[1])\ndatabase.migrate()\nprint(database.fit().value)\ndatabase.close()",
        empty_database_url,
    )
    assert printed == ["fits"] * 3


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_migration_waits_for_another_one_longer_than_a_request_waits_for_a_lock(empty_database_url: str) -> None:
    first, second = Database(empty_database_url), Database(empty_database_url)
    with ThreadPoolExecutor() as threads:
        with first.write() as connection:
            limit = connection.execute(
                text("SELECT setting::int / 1000.0 FROM pg_settings WHERE name = 'lock_timeout'")
            )
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            migration = threads.submit(second.migrate)
            wait([migration], timeout=float(limit.scalar_one()) + 1)
        migration.result(GENEROUS)
    assert second.fit() is Fit.FITS
    first.close()
    second.close()


def test_a_review_that_was_replaced_before_the_migration_is_marked_by_it(database: Database, provider_id: str) -> None:
    def add(name: str, user_id: str, minute: int, status: str, run_id: str | None) -> None:
        at = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
        row = {"id": name, "tenant": DEFAULT_TENANT, "provider_id": provider_id, "user_id": user_id, "status": status}
        times = {"created_at": at, "updated_at": at, "closed_at": at}
        connection.execute(insert(models.verifications).values(**row, run_id=run_id, **times))

    with database.write() as connection:
        add("replaced", "ann", 1, "review", "run 1")
        add("approved", "ann", 2, "approved", "run 2")
        add("followed by a failed start", "ben", 1, "review", "run 3")
        add("failed", "ben", 2, "error", None)
        add("alone", "cleo", 1, "review", "run 4")
        migrations.downgrade(connection, "0040")
        migrations.upgrade(connection, "0041")
        marked = select(models.verifications.c.id).where(models.verifications.c.replaced_at.is_not(None))
        found = connection.execute(marked).scalars().all()
        migrations.upgrade(connection)  # other tests use the database, too
        assert found == ["replaced"]


def _normal(condition: str) -> str:
    """Spell a condition as both databases would."""
    return condition.replace("::text", "").replace("(", "").replace(")", "").lower()
