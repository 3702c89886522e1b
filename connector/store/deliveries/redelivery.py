"""Statements that make settled deliveries of a tenant due again, page by page.

A page examines a fixed number of rows, matching or not, in a short transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, select, tuple_, update

from connector.domain.frozen import frozen
from connector.store.deliveries.outbox import DEAD, DONE, READY, is_for
from connector.store.dialect import from_now
from connector.store.models import outbox
from connector.store.pages import Position
from connector.store.wake_up import announce


@frozen
class Redelivery:
    """The deliveries: those that became dead since a time; with `is_everything` every notice since then.

    A row that was settled after `until` is none of them: it was delivered, or tried again, since they were asked for.
    """

    tenant: str
    since: datetime
    until: datetime
    is_everything: bool
    endpoint_id: str | None = None
    provider_id: str | None = None
    kind: str | None = None

    @property
    def states(self) -> Sequence[str]:
        """The states of the rows to examine, in order."""
        return (DEAD, DONE) if self.is_everything else (DEAD,)


@frozen
class Preview:
    """What would be delivered again; `number` is None if more rows than allowed would have to be examined."""

    number: int | None
    oldest_at: datetime | None


def redeliver(
    connection: Connection, criteria: Redelivery, state: str, after: Position | None, limit: int
) -> tuple[int, Position | None]:
    """Make the next rows of a state due; return their number, and the position after them if there may be more."""
    rows = connection.execute(_examined(criteria, state, after, limit)).all()
    chosen = [row.id for row in rows if row.is_wanted]
    if chosen:
        announce(connection)
        again = {"state": READY, "attempts": 0, "due_at": from_now(0), "settled_at": None}
        unchanged = (_is(state), outbox.c.settled_at < criteria.until)  # not retried since the page was read
        connection.execute(update(outbox).where(outbox.c.id.in_(chosen), *unchanged).values(again))
    last = Position(rows[-1].created_at, rows[-1].id) if len(rows) == limit else None
    return len(chosen), last


def preview(connection: Connection, criteria: Redelivery, most: int) -> Preview:
    """Return what matches, of at most `most` examined deliveries of each state."""
    total: int | None = 0
    oldest: list[datetime] = []
    for state in criteria.states:  # at most two
        examined = _previewed(criteria, state, most + 1).subquery()
        is_wanted, created_at = examined.c.is_wanted, examined.c.created_at
        counted = select(func.count(), func.count().filter(is_wanted), func.min(created_at).filter(is_wanted))
        seen, matching, first = connection.execute(counted.select_from(examined)).one()
        total = None if total is None or seen > most else total + matching
        oldest += [first] if first else []
    return Preview(total, min(oldest, default=None))


def _examined(criteria: Redelivery, state: str, after: Position | None, limit: int) -> Select[Any]:
    place = (outbox.c.created_at, outbox.c.id)
    statement = select(*place, _is_wanted(criteria).label("is_wanted")).where(
        _is(state), outbox.c.created_at < criteria.until
    )
    if criteria.endpoint_id is not None:
        statement = statement.where(outbox.c.tenant == criteria.tenant, is_for(criteria.endpoint_id))
    else:
        statement = statement.where(outbox.c.tenant == criteria.tenant)
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(after.at, after.row_id))
    elif criteria.is_everything:
        statement = statement.where(outbox.c.created_at >= criteria.since)
    return statement.order_by(*place).limit(limit)


def _previewed(criteria: Redelivery, state: str, limit: int) -> Select[Any]:
    """Return the rows to count; of the dead ones only those that became dead since then, by the index of that time."""
    if criteria.is_everything:
        return _examined(criteria, state, None, limit)
    since = (outbox.c.settled_at >= criteria.since, outbox.c.created_at < criteria.until)
    statement = select(outbox.c.created_at, _is_wanted(criteria).label("is_wanted"))
    statement = statement.where(_is(state), outbox.c.tenant == criteria.tenant, *since)
    return statement.order_by(outbox.c.settled_at, outbox.c.id).limit(limit)


def _is_wanted(criteria: Redelivery) -> ColumnElement[bool]:
    """Return the condition of an examined row: a notice if all are wanted, else a row that became dead since then."""
    conditions = [
        outbox.c.settled_at < criteria.until,
        outbox.c.endpoint_id.is_not(None) if criteria.is_everything else outbox.c.settled_at >= criteria.since,
    ]
    if criteria.endpoint_id is not None:
        conditions.append(func.coalesce(outbox.c.endpoint_id, "") == criteria.endpoint_id)
    if criteria.provider_id is not None:
        conditions.append(func.coalesce(outbox.c.provider_id, "") == criteria.provider_id)
    if criteria.kind is not None:
        conditions.append(outbox.c.kind == criteria.kind)
    return and_(*conditions)


def _is(state: str) -> ColumnElement[bool]:
    return outbox.c.state == literal_column(f"'{state}'")
