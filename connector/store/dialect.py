"""The one place where SQLite and PostgreSQL are spoken differently."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert(table: Table, extend: Callable[[Insert], Insert] = lambda plain: plain) -> Callable[[Connection], Insert]:
    """Prepare an INSERT that knows ON CONFLICT, which both databases have and standard SQL has not, and its row count.

    `extend` adds to it. Gives what picks the statement of a connection's database.
    """
    statements: dict[str, Insert] = {
        "sqlite": extend(sqlite.insert(table).execution_options(preserve_rowcount=True)),
        "postgresql": extend(postgresql.insert(table).execution_options(preserve_rowcount=True)),
    }
    return lambda connection: statements[connection.dialect.name]
