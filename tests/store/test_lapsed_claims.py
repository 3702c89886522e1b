"""Going back to a version that withdraws claims in the transaction that changes the credentials."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select

from connector.store.engine import Database
from connector.store.models import claims, providers
from connector.store.schema import VERSIONS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROVIDER: dict[str, Any] = {
    **dict.fromkeys(("id", "tenant", "name", "name_key", "description", "image", "workflow_id", "base_url"), "p"),
    "is_enabled": True,
    "claims": {},
    "api_token": "sealed",
    "max_attempts": 1,
    "attempt_window": 1,
    "created_at": NOW,
    "updated_at": NOW,
    "sandbox_period": 1,
    "has_lapsed_claims": True,
}


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    database.migrate()
    yield database
    database.close()


def claim(user_id: str, environment: str, period: int) -> dict[str, Any]:
    return {
        "id": user_id,
        "tenant": "p",
        "provider_id": "p",
        "user_id": user_id,
        "uri": "u",
        "is_verified": True,
        "environment": environment,
        "sandbox_period": period,
        "verification_status": "clear",
        "metadata": {},
        "created_at": NOW,
        "updated_at": NOW,
    }


def go_back(database: Database) -> None:
    """Go back to the version before the one that lets claims lapse."""
    [migration] = VERSIONS.glob("*_lapsed_claims.py")
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, f"{int(migration.name[:4]) - 1:04d}")


def test_claims_that_have_lapsed_are_withdrawn_by_going_back(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(providers), PROVIDER)
        connection.execute(
            insert(claims), [claim("lapsed", "sandbox", 0), claim("current", "sandbox", 1), claim("live", "live", 0)]
        )

    go_back(database)

    columns = (claims.c.user_id, claims.c.is_verified, claims.c.verification_status)
    with database.read() as connection:
        rows = {tuple(row) for row in connection.execute(select(*columns))}
    assert rows == {("lapsed", False, "sandbox"), ("current", True, "clear"), ("live", True, "clear")}
