"""Statements on jobs. Every change of a job has its state and its step in the WHERE, or follows the lock of its row."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, null, select, text, update

from connector.domain.jobs import DONE, EXPIRED, FAILED, OPEN_STATES, QUEUED, RUNNING_AT_ONCE, Job, JobRequest
from connector.store import dialect, pages
from connector.store.free_rows import lock_free
from connector.store.models import job_parts, jobs
from connector.store.models.conditions import HAS_EXPIRING_RESULT, IS_ENDED_JOB, IS_OPEN_JOB, IS_QUEUED_JOB
from connector.store.pages import Branch, Order, Position

_COLUMNS = [jobs.c.id.label("job_id"), *(jobs.c[each.name] for each in fields(Job) if each.name != "job_id")]
_JOB = select(*_COLUMNS)
_ORDER = Order(jobs.c.created_at, jobs.c.id)
_ADD = dialect.insert(
    jobs,
    lambda statement: statement.on_conflict_do_update(  # locks the existing row without changing it
        index_elements=[jobs.c.tenant, jobs.c.request_key], set_={"request_key": statement.excluded.request_key}
    ),
)
# The conditions of the partial indexes.
_IS_QUEUED, _IS_OPEN, _IS_ENDED = text(IS_QUEUED_JOB), text(f"({IS_OPEN_JOB})"), text(IS_ENDED_JOB)
_IS_EXPIRING = text(HAS_EXPIRING_RESULT)
_SLOTS = range(RUNNING_AT_ONCE)
DERIVED = "derived:"  # prefix of the key of a request without a caller's key
USER_REMOVED = "The user was removed: ask again if the id was used again."


def add(
    connection: Connection,
    job_id: str,
    tenant: str,
    request: JobRequest,
    owner: str,
    keys: tuple[str, str],
    now: datetime,
) -> None:
    """Insert a job with its request's key and digest; a job with the same key is kept, and locked."""
    row = {
        "id": job_id,
        "tenant": tenant,
        "kind": request.kind,
        "state": QUEUED,
        "owner": owner,
        "parameters": dict(request.parameters),
        "user_id": request.user_id,
        "provider_id": request.provider_id,
        "request_key": keys[0],
        "digest": keys[1],
        **dict.fromkeys(("step", "tries", "done", "size"), 0),
        "summary": {},
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(_ADD(connection), row)


def find(connection: Connection, tenant: str, job_id: str) -> Job | None:
    """Return a job of a tenant."""
    return _one(connection.execute(_JOB.where(jobs.c.tenant == tenant, jobs.c.id == job_id)).one_or_none())


def get_requested(connection: Connection, tenant: str, request_key: str) -> tuple[Job, str]:
    """Return the job with a request's key, and the digest of its request."""
    statement = _JOB.add_columns(jobs.c.digest).where(jobs.c.tenant == tenant, jobs.c.request_key == request_key)
    *values, digest = connection.execute(statement).one()
    return Job(*values), digest


def find_page(connection: Connection, tenant: str, limit: int, after: Position | None = None) -> list[Job]:
    """Return jobs of a tenant, the latest first, optionally only those after the position `after`."""
    branches = [Branch(_ORDER, [jobs.c.tenant == tenant])]
    rows = connection.execute(pages.page(_JOB, _ORDER, branches, limit=limit, after=after))
    return [Job(*row) for row in rows]


def count_open(connection: Connection, tenant: str) -> int:
    """Return the number of a tenant's jobs that have not ended."""
    waiting = select(func.count()).select_from(jobs).where(jobs.c.tenant == tenant, _IS_QUEUED)
    running = select(func.count()).select_from(jobs).where(jobs.c.tenant == tenant, jobs.c.slot.in_(_SLOTS))
    counted = select(waiting.scalar_subquery() + running.scalar_subquery())
    return int(connection.execute(counted).scalar_one())


def lock(connection: Connection, job_id: str, tenant: str | None = None) -> Job | None:
    """Lock and return a job, optionally of a tenant."""
    statement = _JOB.where(jobs.c.id == job_id).with_for_update()
    if tenant is not None:
        statement = statement.where(jobs.c.tenant == tenant)
    return _one(connection.execute(statement).one_or_none())


def used_slots(connection: Connection, tenant: str) -> set[int]:
    """Return the slots of the tenant's running jobs."""
    statement = select(jobs.c.slot).where(jobs.c.tenant == tenant, jobs.c.slot.in_(_SLOTS))
    return set(connection.execute(statement).scalars())


def change(connection: Connection, job_id: str, values: Mapping[str, Any]) -> None:
    """Change a locked job."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(dict(values)))


def end(connection: Connection, job_id: str, values: Mapping[str, Any]) -> None:
    """End a locked job: its slot is released, and the same request may be made again, unless it had a caller's key."""
    is_derived = jobs.c.request_key.startswith(DERIVED)
    freed = {"slot": None, "request_key": case((is_derived, null()), else_=jobs.c.request_key)}
    statement = update(jobs).where(jobs.c.id == job_id)
    connection.execute(statement.values({**values, **freed, "updated_at": values["ended_at"]}))


def next_queued(connection: Connection, tenant: str) -> str | None:
    """Return the id of the tenant's oldest queued job."""
    statement = select(jobs.c.id).where(jobs.c.tenant == tenant, _IS_QUEUED)
    return connection.execute(statement.order_by(jobs.c.created_at).limit(1)).scalar_one_or_none()


def add_parts(connection: Connection, job_id: str, number: int, contents: Mapping[str, str]) -> None:
    """Append to a job's result, by format."""
    rows = [{"job_id": job_id, "format": name, "number": number, "content": text} for name, text in contents.items()]
    if rows:
        connection.execute(insert(job_parts), rows)


def find_part(connection: Connection, job_id: str, result_format: str, after: int) -> tuple[int, str] | None:
    """Return the part of a result after a number, with its own number."""
    statement = select(job_parts.c.number, job_parts.c.content).where(
        job_parts.c.job_id == job_id, job_parts.c.format == result_format, job_parts.c.number > after
    )
    row = connection.execute(statement.order_by(job_parts.c.number).limit(1)).one_or_none()
    return None if row is None else (row.number, row.content)


def remove_parts(connection: Connection, job_ids: Sequence[str]) -> None:
    """Delete the results of jobs."""
    if job_ids:
        connection.execute(delete(job_parts).where(job_parts.c.job_id.in_(job_ids)))


def forget_user(connection: Connection, tenant: str, user_id: str, now: datetime) -> None:
    """Erase the results about a user, and the user's id; jobs in progress fail."""
    of_user = (jobs.c.tenant == tenant, jobs.c.user_id == user_id)
    ids = connection.execute(select(jobs.c.id).where(*of_user).order_by(jobs.c.id).with_for_update()).scalars().all()
    remove_parts(connection, ids)
    gone: dict[str, Any] = {"user_id": None, "parameters": {}, "request_key": None, "slot": None, "updated_at": now}
    mine = jobs.c.id.in_(ids)
    failed = {"state": FAILED, "failure": USER_REMOVED, "ended_at": now}
    connection.execute(update(jobs).where(mine, jobs.c.state.in_(OPEN_STATES)).values(failed))
    connection.execute(update(jobs).where(mine, jobs.c.state == DONE).values(state=EXPIRED, expires_at=now))
    connection.execute(update(jobs).where(mine).values(gone))


def find_stalled(connection: Connection, before: datetime, limit: int) -> list[tuple[str, str, int]]:
    """Lock jobs without progress since a time; return their tenants, ids and steps."""
    statement = select(jobs.c.tenant, jobs.c.id, jobs.c.step).where(_IS_OPEN, jobs.c.updated_at < before)
    rows = connection.execute(statement.order_by(jobs.c.updated_at).limit(limit).with_for_update(skip_locked=True))
    return [tuple(row) for row in rows]


def touch(connection: Connection, job_ids: Sequence[str], now: datetime) -> None:
    """Record progress of jobs."""
    if job_ids:
        connection.execute(update(jobs).where(jobs.c.id.in_(job_ids)).values(updated_at=now))


def expire(connection: Connection, now: datetime, limit: int) -> int:
    """Delete some expired results, and return their number; locked ones are skipped."""
    statement = select(jobs.c.id).where(_IS_EXPIRING, jobs.c.expires_at <= now).order_by(jobs.c.expires_at)
    ids = lock_free(connection, statement.limit(limit))
    remove_parts(connection, ids)
    if ids:
        connection.execute(update(jobs).where(jobs.c.id.in_(ids)).values(state=EXPIRED, updated_at=now))
    return len(ids)


def forget_ended(connection: Connection, before: datetime, limit: int) -> int:
    """Delete some jobs that ended long ago, and return their number."""
    statement = select(jobs.c.id).where(_IS_ENDED, jobs.c.ended_at < before).order_by(jobs.c.ended_at)
    ids = lock_free(connection, statement.limit(limit))
    return connection.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount if ids else 0


def new_key() -> str:
    """Return a key that no other delivery has."""
    return uuid.uuid4().hex[:12]


def _one(row: Any) -> Job | None:
    return None if row is None else Job(*row)
