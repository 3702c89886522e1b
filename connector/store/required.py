"""Statements that must find or change a row: otherwise their transaction fails, though the commit was sent with them.

    batch.execute(connection, REQUIRED_UPDATE, change)      # queued
    batch.execute(connection, INSERT, row)                  # queued; the transaction's end sends both with the COMMIT

So a condition that almost always holds, such as a lease, takes no round trip of its own. PostgreSQL checks it by an
expression that fails; elsewhere the row count is checked after each statement. Either way `NoRowError` is raised, and
nothing of the transaction is written.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.base import Executable

ROWS = "required rows"  # an option of statements: how many rows must be found or changed
# The cast fails, and the error contains this text, which the operator finds in PostgreSQL's log.
_FAILED = "rolled back, a condition no longer holds"
_CHECKED = (
    "WITH required AS ({text}) SELECT CASE count(*) WHEN {rows} THEN 1 "
    "ELSE CAST('{failed}: ' || count(*) AS INTEGER) END FROM required"
)
_INVALID_TEXT = "22P02"

S = TypeVar("S", bound=Executable)


class NoRowError(SQLAlchemyError):
    """A required row was not there: the transaction can only be rolled back."""


def one_row(statement: S) -> S:
    """Return a statement that must find or change one row. It returns columns, so that PostgreSQL can count the rows;
    they cannot be read.
    """
    return statement.execution_options(**{ROWS: 1})


def rows(statement: Executable, number: int) -> dict[str, Any]:
    """Return the option for this number of rows instead of the one that a statement requires, if it requires one."""
    return {} if rows_of(statement) is None else {ROWS: number}


def rows_of(statement: Executable) -> int | None:
    """Return how many rows a statement requires; None if any number will do."""
    number: int | None = statement.get_execution_options().get(ROWS)
    return number


def checked(text: str, number: int) -> str:
    """Return the text of a statement that fails on PostgreSQL unless it finds or changes this number of rows."""
    return _CHECKED.format(text=text, rows=number, failed=_FAILED)


def check(statement: Executable, rowcount: int) -> None:
    """Raise if a statement was executed without the rows that it requires."""
    if rows_of(statement) not in {None, rowcount}:
        raise NoRowError


def is_no_row(error: Any) -> bool:
    """Whether the driver's error means that a required row was not there."""
    return getattr(error, "sqlstate", None) == _INVALID_TEXT and _FAILED in str(error)
