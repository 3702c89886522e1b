"""Time that passes for the rows of a database: on PostgreSQL the outbox goes by the server's clock, which stays."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from connector.store.engine import Database
from connector.store.models import outbox

_TIMES = (outbox.c.due_at, outbox.c.lease_until, outbox.c.settled_at)


def let_pass(database: Database, length: timedelta) -> None:
    """Move every time in the outbox so much earlier."""
    with database.write() as connection:
        for row in connection.execute(select(outbox.c.id, *_TIMES)).all():
            earlier = {column.name: at - length for column, at in zip(_TIMES, row[1:], strict=True) if at is not None}
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(earlier))
