"""Turns on verifications: of any number of requests, in any process, one may call Onfido within an interval.

Each is a time until which the turn is taken, set by compare-and-set. No turn is as long as `FARTHEST`: a later time was
written by a clock that has been set back since, and nothing may wait for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Update, bindparam, update

from connector.store import batch
from connector.store.batch import Answer
from connector.store.models import verifications
from connector.store.times import UtcDateTime
from connector.store.verifications.verifications import IS_OPEN, IS_THERE

FARTHEST = timedelta(minutes=10)  # `interactive_budget` is at most half of it


def is_taken(until: datetime | None, now: datetime) -> bool:
    """Whether a turn is taken, as a row that was read shows."""
    return until is not None and now < until <= now + FARTHEST


def _is_free(column: Column[datetime]) -> Update:
    now, farthest = (bindparam(name, type_=UtcDateTime) for name in ("now", "farthest"))
    is_over = column.is_(None) | (column <= now) | (column > farthest)
    return update(verifications).where(verifications.c.id == bindparam("of"), IS_OPEN, is_over, IS_THERE)


_TAKE_REFRESH = _is_free(verifications.c.refresh_after)
_TAKE_RESUME = _is_free(verifications.c.resume_after)


def take_refresh(connection: Connection, verification_id: str, now: datetime, until: datetime) -> Answer:
    """Reserve the turn to ask Onfido for a run until then; no row if another request has it, or had it a moment ago."""
    return batch.execute(connection, _TAKE_REFRESH, _times(now) | {"of": verification_id, "refresh_after": until})


def take_resume(connection: Connection, verification_id: str, now: datetime, until: datetime) -> Answer:
    """Reserve the turn to resume a verification until then; no row if another request has it."""
    return batch.execute(connection, _TAKE_RESUME, _times(now) | {"of": verification_id, "resume_after": until})


def _times(now: datetime) -> dict[str, Any]:
    return {"now": now, "farthest": now + FARTHEST}
