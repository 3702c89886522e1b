"""Turns on verifications: of any number of requests, in any process, one may call Onfido within an interval.

Each is a time until which the turn is taken, set by compare-and-set.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Update, bindparam, update

from connector.store import batch
from connector.store.batch import Answer
from connector.store.models import verifications
from connector.store.times import UtcDateTime
from connector.store.verifications.verifications import IS_OPEN, IS_THERE


def _is_free(column: Column[datetime]) -> Update:
    is_over = column.is_(None) | (column <= bindparam("now", type_=UtcDateTime))
    return update(verifications).where(verifications.c.id == bindparam("of"), IS_OPEN, is_over, IS_THERE)


_TAKE_REFRESH = _is_free(verifications.c.refresh_after)
_TAKE_RESUME = _is_free(verifications.c.resume_after)


def take_refresh(connection: Connection, verification_id: str, now: datetime, until: datetime) -> Answer:
    """Reserve the turn to ask Onfido for a run until then; no row if another request has it, or had it a moment ago."""
    return batch.execute(connection, _TAKE_REFRESH, {"of": verification_id, "now": now, "refresh_after": until})


def take_resume(connection: Connection, verification_id: str, now: datetime, until: datetime) -> Answer:
    """Reserve the turn to resume a verification until then; no row if another request has it."""
    return batch.execute(connection, _TAKE_RESUME, {"of": verification_id, "now": now, "resume_after": until})
