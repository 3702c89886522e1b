"""Statements on the processes that run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from connector.domain.frozen import frozen
from connector.store.models import processes

MOST = 500  # processes that are read at once


@frozen
class StoredProcess:
    """A process that runs, or ran a moment ago."""

    process_id: str
    role: str
    host: str
    number: int
    shown: Mapping[str, Any]
    marks: Mapping[str, str]
    started_at: datetime
    seen_at: datetime
    left_at: datetime | None


_ROWS = select(
    processes.c.id.label("process_id"),
    *(processes.c[name] for name in ("role", "host", "number", "shown", "marks", "started_at", "seen_at", "left_at")),
)


def add(connection: Connection, process_id: str, values: Mapping[str, Any]) -> None:
    """Add a process."""
    connection.execute(insert(processes).values(id=process_id, **values))


def lock_all(connection: Connection) -> None:
    """Lock all processes, so that processes register one after another."""
    connection.execute(select(processes.c.id).order_by(processes.c.id).with_for_update())


def find_all(connection: Connection, since: datetime) -> Sequence[StoredProcess]:
    """Return the processes that were seen since a time, the latest started first."""
    statement = _ROWS.where(processes.c.seen_at >= since).order_by(processes.c.started_at.desc(), processes.c.id)
    return [StoredProcess(**row._asdict()) for row in connection.execute(statement.limit(MOST))]


def set_seen(connection: Connection, process_id: str, now: datetime, left_at: datetime | None = None) -> bool:
    """Record that a process still runs, or that it has ended; False if it is not listed."""
    statement = update(processes).where(processes.c.id == process_id).values(seen_at=now, left_at=left_at)
    return connection.execute(statement).rowcount > 0


def forget(connection: Connection, before: datetime) -> None:
    """Remove processes that were not seen since then."""
    connection.execute(delete(processes).where(processes.c.seen_at < before))
