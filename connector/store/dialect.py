"""The differences between SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Integer, String, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.functions import FunctionElement

from connector.store.times import UtcDateTime

Insert = sqlite.Insert | postgresql.Insert
Extended = Insert | ReturningInsert[Any]


def insert(
    table: Table,
    extend: Callable[[Insert], Extended] = lambda plain: plain,
    on_postgresql: Sequence[ColumnElement[Any]] = (),
) -> Callable[[Connection], Extended]:
    """Create an INSERT with ON CONFLICT, which both databases have and standard SQL has not, and its row count.

    `extend` adds to it; `on_postgresql` is evaluated there for each inserted row. Returns a function that chooses the
    statement for a connection's database. The row count is valid for one row; for several, count the rows that are
    returned.
    """
    statements: dict[str, Extended] = {
        "sqlite": extend(sqlite.insert(table).execution_options(preserve_rowcount=True)),
        # For a statement with RETURNING, SQLAlchemy writes several rows in one statement, and not one statement each.
        "postgresql": extend(postgresql.insert(table).execution_options(preserve_rowcount=True)).returning(
            *table.primary_key, *on_postgresql
        ),
    }
    return lambda connection: statements[connection.dialect.name]


class by_code_point(FunctionElement[str]):  # noqa: N801  a function of SQL
    """Text that sorts as in Python and SQLite, whatever the collation of the database."""

    type = String()
    inherit_cache = True


@compiles(by_code_point)
def _as_it_is(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(by_code_point, "postgresql")
def _in_c(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'


class in_code_points(FunctionElement[str]):  # noqa: N801  an order of SQL
    """The order of text by code points, as an index with `varchar_pattern_ops` has it on PostgreSQL."""

    type = String()
    inherit_cache = True


@compiles(in_code_points)
def _ascending(element: in_code_points, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(in_code_points, "postgresql")
def _by_pattern(element: in_code_points, compiler: SQLCompiler, **options: Any) -> str:
    return f"{compiler.process(element.clauses, **options)} USING ~<~"


class precedes(FunctionElement[bool]):  # noqa: N801  an operator of SQL
    """Whether a text comes before another one in that order."""

    type = Boolean()
    inherit_cache = True


@compiles(precedes)
def _less(element: precedes, compiler: SQLCompiler, **options: Any) -> str:
    return " < ".join(compiler.process(each, **options) for each in element.clauses)


@compiles(precedes, "postgresql")
def _less_by_pattern(element: precedes, compiler: SQLCompiler, **options: Any) -> str:
    return " ~<~ ".join(compiler.process(each, **options) for each in element.clauses)


class new_id(FunctionElement[str]):  # noqa: N801  a function of SQL
    """A random UUID that the database makes, another one for each row."""

    type = String()
    inherit_cache = True


@compiles(new_id, "postgresql")
def _uuid_on_postgresql(_element: new_id, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(gen_random_uuid() AS VARCHAR)"


@compiles(new_id, "sqlite")
def _uuid_on_sqlite(_element: new_id, _compiler: SQLCompiler, **_options: Any) -> str:
    groups = ("hex(randomblob(4))", "hex(randomblob(2))", "'4' || substr(hex(randomblob(2)), 2)")
    others = ("'a' || substr(hex(randomblob(2)), 2)", "hex(randomblob(6))")
    return "lower(" + " || '-' || ".join((*groups, *others)) + ")"


class from_now(FunctionElement[datetime]):  # noqa: N801  a function of SQL
    """The time in so many seconds by the database's own clock, so that hosts agree; on SQLite to the millisecond."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(from_now, "postgresql")
def _on_postgresql(element: from_now, compiler: SQLCompiler, **options: Any) -> str:
    return f"now() + make_interval(secs => {compiler.process(element.clauses, **options)})"


@compiles(from_now, "sqlite")
def _on_sqlite(element: from_now, compiler: SQLCompiler, **options: Any) -> str:
    shift = f"printf('%+.3f seconds', {compiler.process(element.clauses, **options)})"
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {shift})"


class seconds_between(FunctionElement[int]):  # noqa: N801  a function of SQL
    """The whole seconds from one time to another."""

    type = Integer()
    inherit_cache = True


@compiles(seconds_between, "postgresql")
def _seconds_on_postgresql(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    first, last = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(floor(extract(epoch FROM ({last} - {first}))) AS INTEGER)"


@compiles(seconds_between, "sqlite")
def _seconds_on_sqlite(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    first, last = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST((julianday({last}) - julianday({first})) * 86400 + 0.0005 AS INTEGER)"
