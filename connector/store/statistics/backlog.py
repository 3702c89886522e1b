"""The age of the oldest waiting rows, read from indexes, so that the number of rows does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, ScalarSelect, select

from connector.store.deliveries.outbox import READY, parts
from connector.store.dialect import from_now
from connector.store.models import outbox, verifications
from connector.store.verifications.verifications import IS_THERE

QUEUES = ("work", "notices")  # in the order of `parts`


def _oldest(conditions: Sequence[ColumnElement[bool]]) -> ScalarSelect[datetime]:
    return select(outbox.c.due_at).where(*conditions).order_by(outbox.c.due_at).limit(1).scalar_subquery()


_OLDEST_CHECK = (
    select(verifications.c.next_check_at)
    .where(verifications.c.closed_at.is_(None), verifications.c.next_check_at.is_not(None), IS_THERE)
    .order_by(verifications.c.next_check_at)
    .limit(1)
    .scalar_subquery()
)
_READ = select(
    from_now(0).label("now"),
    *(_oldest(part).label(queue) for queue, part in zip(QUEUES, parts(READY), strict=True)),
    _OLDEST_CHECK.label("check"),
)


def read(connection: Connection) -> tuple[dict[str, float], datetime | None]:
    """Return the seconds that each queue's oldest delivery is overdue, and the time of the oldest check."""
    row = connection.execute(_READ).one()._mapping
    return {queue: _seconds(row["now"], row[queue]) for queue in QUEUES}, row["check"]


def _seconds(now: datetime, due: datetime | None) -> float:
    return 0.0 if due is None else max(0.0, (now - due).total_seconds())
