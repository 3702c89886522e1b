"""Moves stored times into the past, because on PostgreSQL the outbox uses the server's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Interval, func, literal, update

from connector.store.engine import Database
from connector.store.models import outbox

_TIMES = (outbox.c.due_at, outbox.c.lease_until, outbox.c.settled_at)


def let_pass(database: Database, length: timedelta) -> None:
    """Move every time in the outbox back by a duration."""
    earlier = _on_sqlite if database.is_sqlite else _on_postgresql
    with database.write() as connection:
        connection.execute(update(outbox).values({each.name: earlier(each, length) for each in _TIMES}))


def _on_postgresql(time: Column[Any], length: timedelta) -> ColumnElement[Any]:
    return time - literal(length, Interval())


def _on_sqlite(time: Column[Any], length: timedelta) -> ColumnElement[Any]:
    return func.strftime("%Y-%m-%d %H:%M:%f000", time, f"-{length.total_seconds():.3f} seconds", type_=time.type)
