"""Pages of a list by time, each read from an index, so that the number of rows does not matter.

A database reads an index in order only for one value of the columns before the time. A list of several providers,
statuses and the like therefore has branches, one for each value, and reads at most one page of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    TextClause,
    and_,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)

from connector.domain.frozen import frozen

MOST_JOINED = 200  # branches of one UNION; SQLite supports at most 500

Ids = Select[Any] | CompoundSelect[Any]


@frozen
class Position:
    """A position in a list: that of a row, by its time and id."""

    at: datetime
    row_id: str | int


@frozen
class Order:
    """The order of a list: by time, then by id."""

    at: ColumnElement[datetime]
    row_id: ColumnElement[Any]
    is_rising: bool = False

    def sort(self, statement: Select[Any]) -> Select[Any]:
        """Sort a statement's rows."""
        return statement.order_by(*(key if self.is_rising else key.desc() for key in (self.at, self.row_id)))

    def behind(self, position: Position) -> ColumnElement[bool]:
        """Return the condition that a row follows a position."""
        key, place = tuple_(self.at, self.row_id), tuple_(position.at, position.row_id)
        return key > place if self.is_rising else key < place


@frozen
class Branch:
    """Rows in the order of the list in an index: `conditions` are equalities, then at most a period.

    `checked` are further conditions, which are checked row by row.
    """

    order: Order
    conditions: Sequence[ColumnElement[bool] | TextClause]
    checked: Sequence[ColumnElement[bool]] = ()

    def ids(self, limit: int, after: Position | None = None) -> Select[Any]:
        """Return the statement for the ids of the first rows, or of those after a position."""
        statement = select(self.order.row_id.label("row_id")).where(*self.conditions, *self.checked)
        if after is not None:
            statement = statement.where(self.order.behind(after))
        return self.order.sort(statement).limit(limit).correlate(None)

    def some(self, within: int) -> Select[Any]:
        """Return the statement for the id of one row that is among the first ones; no others are read.

        The first rows are chosen before any is checked: with a join, PostgreSQL would rather read the whole table.
        """
        matches = and_(true(), *self.checked).label("matches")
        first = select(self.order.row_id.label("row_id"), matches).where(*self.conditions)
        rows = self.order.sort(first).limit(within).correlate(None).subquery()
        return select(rows.c.row_id).where(rows.c.matches).limit(1)


def page(
    statement: Select[Any],
    order: Order,
    branches: Sequence[Branch],
    *,
    limit: int,
    offset: int = 0,
    after: Position | None = None,
) -> Select[Any]:
    """Return the statement for a page of the rows of any branch."""
    ids = _joined([branch.ids(limit + offset, after) for branch in branches])
    return order.sort(statement.where(order.row_id.in_(ids))).limit(limit).offset(offset)


def is_any(branches: Sequence[Branch], within: int) -> Select[Any]:
    """Return the statement for whether a row is found among the first ones of each branch."""
    ids = _joined([branch.some(within) for branch in branches]).subquery()
    return select(func.count()).select_from(select(ids).limit(1).subquery())


def count(branches: Sequence[Branch], most: int) -> Select[Any]:
    """Return the statement for the number of rows, up to `most`."""
    ids = _joined([branch.ids(most) for branch in branches]).subquery()
    return select(func.count()).select_from(select(ids).limit(most).subquery())


def unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return a column's text in a form without an index, so that the index of another condition is used."""
    return func.coalesce(column, literal_column("''"))


def _joined(selects: Sequence[Select[Any]]) -> Ids:
    if len(selects) == 1:
        return selects[0]
    parts: list[Ids] = [
        union_all(*(select(each.subquery()) for each in selects[start : start + MOST_JOINED]))
        for start in range(0, len(selects), MOST_JOINED)
    ]
    return parts[0] if len(parts) == 1 else union_all(*(select(each.subquery()) for each in parts))
