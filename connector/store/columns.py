"""Shared definitions of the tables: names of constraints, common columns, and partial indexes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, text

from connector.store.times import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


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
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
