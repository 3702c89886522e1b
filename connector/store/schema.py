"""The schema's versions: those that this version of the connector knows, and the one that a database has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

VERSIONS = Path(__file__).parent / "migrations" / "versions"  # the names of its files begin with their versions
_APPLIED = text("SELECT version_num FROM alembic_version")


@cache
def known_versions() -> frozenset[str]:
    """Return the versions of the schema that this one can bring up to date."""
    return frozenset(path.name.partition("_")[0] for path in VERSIONS.iterdir() if path.name[0].isdigit())


def newest_version() -> str:
    """Return the version of the schema that this version of the connector needs."""
    return max(known_versions())


def is_current(connection: Connection) -> bool:
    """Return whether a database's schema is the newest."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return list(connection.execute(_APPLIED).scalars()) == [newest_version()]
