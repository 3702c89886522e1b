"""The numbers of deliveries, for the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, literal, select

from connector.store.deliveries.outbox import DEAD, DONE, READY, parts
from connector.store.models import outbox

MOST_COUNTED = 1_000  # rows of a state; a larger number need not be known


def _counted(state: str, conditions: Sequence[ColumnElement[bool]]) -> ScalarSelect[int]:
    rows = select(literal(1).label("one")).select_from(outbox).where(*conditions)
    in_order = rows.order_by(outbox.c.settled_at if state == DONE else outbox.c.due_at)  # the order of the index
    return select(func.count()).select_from(in_order.limit(MOST_COUNTED).subquery()).scalar_subquery()


_COUNT = select(
    *(
        reduce(add, (_counted(state, conditions) for conditions in parts(state))).label(state)
        for state in (READY, DONE, DEAD)
    )
)


def count(connection: Connection) -> dict[str, int]:
    """Return the number of rows by state, each up to `MOST_COUNTED`, so that the number of rows does not matter."""
    rows = connection.execute(_COUNT).one()
    return {state: min(number, MOST_COUNTED) for state, number in rows._mapping.items() if number}
