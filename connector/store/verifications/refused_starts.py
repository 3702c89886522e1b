"""Statements on the number of starts that Onfido refused, by provider and user.

A change of the provider resets the count, because most refusals are due to its credentials or its workflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, delete, select

from connector.domain.frozen import frozen
from connector.store import batch
from connector.store.dialect import insert
from connector.store.hidden import IS_REGISTERED
from connector.store.models import providers, refused_starts
from connector.store.times import UtcDateTime

_COUNTS = (
    select(refused_starts.c.number, refused_starts.c.since)
    .join(providers, providers.c.id == refused_starts.c.provider_id)
    .where(
        refused_starts.c.user_id == bindparam("of_user"),
        refused_starts.c.since > bindparam("after", type_=UtcDateTime),
        refused_starts.c.since >= providers.c.updated_at,
        IS_REGISTERED,
    )
)
_FIND = _COUNTS.where(refused_starts.c.provider_id == bindparam("of_provider"))
_KEY = (refused_starts.c.provider_id, refused_starts.c.user_id)
_REMOVE = delete(refused_starts).where(
    refused_starts.c.provider_id == bindparam("of_provider"), refused_starts.c.user_id == bindparam("of_user")
)
_ADD = insert(
    refused_starts,
    lambda statement: statement.on_conflict_do_update(
        index_elements=[refused_starts.c.provider_id, refused_starts.c.user_id],
        set_={
            "number": case((statement.excluded.number == 1, 1), else_=refused_starts.c.number + 1),
            "since": statement.excluded.since,
        },
    ),
)


@frozen
class RefusedStarts:
    """The number of refused starts, and since when."""

    number: int
    since: datetime


def find(connection: Connection, provider_id: str, user_id: str, after: datetime) -> RefusedStarts | None:
    """Return the count that began after a time, and after the provider's latest change; None if there is none."""
    refused = ask(connection, provider_id, user_id, after)
    return refused[0] if refused else None


def ask(connection: Connection, provider_id: str, user_id: str, after: datetime) -> Sequence[RefusedStarts]:
    """Return the same, if there is any; it is read on first access."""
    answer = batch.execute(connection, _FIND, {"of_provider": provider_id, "of_user": user_id, "after": after})
    return answer.each(lambda row: RefusedStarts(row.number, row.since))


def find_of_user(connection: Connection, tenant: str, user_id: str, after: datetime) -> dict[str, RefusedStarts]:
    """Return a user's counts with all providers of a tenant, by the providers' ids, as `find` does."""
    statement = _COUNTS.add_columns(refused_starts.c.provider_id).where(providers.c.tenant == tenant)
    rows = connection.execute(statement, {"of_user": user_id, "after": after})
    return {row.provider_id: RefusedStarts(row.number, row.since) for row in rows}


def find_of_users(
    connection: Connection, tenant: str, user_ids: Sequence[str], after: datetime
) -> dict[tuple[str, str], RefusedStarts]:
    """Return the same for several users, by user and provider."""
    matches = (
        select(refused_starts)
        .join(providers, providers.c.id == refused_starts.c.provider_id)
        .where(providers.c.tenant == tenant, refused_starts.c.user_id.in_(user_ids), refused_starts.c.since > after)
        .where(refused_starts.c.since >= providers.c.updated_at)
    )
    rows = connection.execute(matches)
    return {(row.user_id, row.provider_id): RefusedStarts(row.number, row.since) for row in rows}


def add(connection: Connection, provider_id: str, user_id: str, after: datetime, now: datetime) -> None:
    """Count a refused start, in the count that began after a time, or in a new one."""
    current = find(connection, provider_id, user_id, after)
    number, since = (current.number + 1, current.since) if current else (1, now)
    row = {"provider_id": provider_id, "user_id": user_id, "number": number, "since": since}
    connection.execute(_ADD(connection), row)


def forget_user(connection: Connection, tenant: str, user_id: str, provider_id: str | None = None) -> None:
    """Remove a user's counts, with one provider of the tenant or with all."""
    of_tenant = select(providers.c.id).where(providers.c.tenant == tenant)
    if provider_id is not None:
        of_tenant = of_tenant.where(providers.c.id == provider_id)
    of_user = (refused_starts.c.user_id == user_id, refused_starts.c.provider_id.in_(of_tenant))
    connection.execute(delete(refused_starts).where(*of_user))


def forget_old(connection: Connection, before: datetime, limit: int) -> int:
    """Remove some counts that began before then, and return their number.

    Rows that another transaction has locked are skipped until the next time, which avoids deadlocks.
    """
    old = select(*_KEY).where(refused_starts.c.since < before).order_by(refused_starts.c.since).limit(limit)
    free = connection.execute(old.with_for_update(skip_locked=True)).all()
    if free:
        connection.execute(_REMOVE, [{"of_provider": row.provider_id, "of_user": row.user_id} for row in free])
    return len(free)
