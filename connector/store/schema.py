"""The schema's versions: those that this version of the connector knows, and that of a database.

During an upgrade processes of the former version keep running. So a migration is additive if possible: it removes
nothing that they use, and requires nothing new of their rows. `migrate` writes into the database the oldest version
whose processes can still use it; a process that finds a newer schema checks that.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, delete, insert, inspect, select, text

from connector.store.models import schema_support

VERSIONS = Path(__file__).parent / "migrations" / "versions"  # the names of the files begin with their versions

# The version of the last migration that was not additive: processes that only know earlier ones cannot use the schema.
OLDEST_SUPPORTED = "0001"

_APPLIED = text("SELECT version_num FROM alembic_version")


class Fit(Enum):
    """How a database's schema compares with the one that this version requires."""

    BEHIND = "behind"  # it has to be migrated
    FITS = "fits"  # it is this version's, or a newer one that this version can use
    AHEAD = "ahead"  # it is a newer one that this version cannot use


@cache
def known_versions() -> frozenset[str]:
    """Return the schema versions that this one can migrate."""
    return frozenset(path.name.partition("_")[0] for path in VERSIONS.iterdir() if path.name[0].isdigit())


def newest_version() -> str:
    """Return the schema version that this version of the connector requires."""
    return max(known_versions())


def fit(connection: Connection) -> Fit:
    """Return how a database's schema compares with the required one."""
    if not inspect(connection).has_table("alembic_version"):
        return Fit.BEHIND
    applied = list(connection.execute(_APPLIED).scalars())
    if applied == [newest_version()]:
        return Fit.FITS
    if not _is_newer(applied):
        return Fit.BEHIND
    oldest = connection.execute(select(schema_support.c.oldest)).scalar()
    return Fit.FITS if oldest is not None and oldest <= newest_version() else Fit.AHEAD


def record_support(connection: Connection) -> None:
    """Record which versions' processes can use the schema, after migrating to this version."""
    connection.execute(delete(schema_support))
    connection.execute(insert(schema_support).values(oldest=OLDEST_SUPPORTED))


def _is_newer(applied: list[str]) -> bool:
    return len(applied) == 1 and applied[0].isdigit() and applied[0] > newest_version()
