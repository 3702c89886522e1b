"""The schema's versions: those that this version of the connector knows, and the one that a database has.

An upgrade goes on while the former version's processes serve. So a migration is additive where it can be: it takes
nothing away that these use, and asks nothing of their rows. `migrate` writes into the database the oldest version whose
processes can still use it; a process that finds a schema newer than its own looks there.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, delete, insert, inspect, select, text

from connector.store.schema_models import schema_support

VERSIONS = Path(__file__).parent / "migrations" / "versions"  # the names of its files begin with their versions

# The version of the last migration that was not additive: processes that know only earlier ones cannot use the schema.
OLDEST_SUPPORTED = "0001"

_APPLIED = text("SELECT version_num FROM alembic_version")


class Fit(Enum):
    """How a database's schema compares with what this version of the connector needs."""

    BEHIND = "behind"  # it has to be migrated
    FITS = "fits"  # it is this version's, or a newer one that this version can use
    AHEAD = "ahead"  # it is a newer one that this version cannot use


@cache
def known_versions() -> frozenset[str]:
    """Return the versions of the schema that this one can bring up to date."""
    return frozenset(path.name.partition("_")[0] for path in VERSIONS.iterdir() if path.name[0].isdigit())


def newest_version() -> str:
    """Return the version of the schema that this version of the connector needs."""
    return max(known_versions())


def fit(connection: Connection) -> Fit:
    """Return how a database's schema compares with what this version needs."""
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
    """Write down which versions' processes can use the schema, now that it is this version's."""
    connection.execute(delete(schema_support))
    connection.execute(insert(schema_support).values(oldest=OLDEST_SUPPORTED))


def _is_newer(applied: list[str]) -> bool:
    return len(applied) == 1 and applied[0].isdigit() and applied[0] > newest_version()
