"""Shared definitions of the tables: names of constraints, common columns, and partial indexes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, text

from connector.store.times import UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
_SPECIAL_INDEXES: list[Callable[[], Index]] = []


def id_column(name: str = "id", **options: Any) -> Column[str]:
    """Return a column for one of our ids."""
    return Column(name, String(36), **options)


def provider_id_column() -> Column[str]:
    """Return the column of the provider with which a row is deleted."""
    return Column("provider_id", ForeignKey("providers.id", ondelete="CASCADE"), nullable=False)


def time_column(name: str, *, nullable: bool = False) -> Column[datetime]:
    """Return the column of a time."""
    return Column(name, UtcDateTime, nullable=nullable)


def partial_index(name: str, where: str, *columns: Column[Any], unique: bool = False) -> None:
    """Index only the rows that meet a condition."""
    condition = text(where)
    special_index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def special_index(name: str, *columns: Column[Any], **options: Any) -> None:
    """Index columns with options of a database; the index is in the schema as `whole_schema` returns it."""
    _SPECIAL_INDEXES.append(partial(Index, name, *columns, **options))


def whole_schema() -> MetaData:
    """Return the tables with all indexes, for comparison with a database.

    Indexes with options are created here, because an option loads the dialect of its database, and no statement needs
    them.
    """
    while _SPECIAL_INDEXES:
        _SPECIAL_INDEXES.pop()()
    return metadata
