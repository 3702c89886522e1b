"""The one place where SQLite and PostgreSQL are spoken differently."""

from __future__ import annotations

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Give an INSERT that knows ON CONFLICT, which both databases have and standard SQL has not, and its row count."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).execution_options(preserve_rowcount=True)
    return postgresql.insert(table).execution_options(preserve_rowcount=True)
