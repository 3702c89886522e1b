"""Statements on daily counts: whole days are replaced, and read for a period.

A day is counted by one pass at a time: it leases the day by compare-and-set, counts, and writes only while it holds the
lease.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import Connection, case, delete, func, insert, null, select, text, update

from connector.domain.statistics import Count, DayCount, Measure
from connector.store.dialect import insert as insert_or
from connector.store.models import providers, verifications
from connector.store.statistics_models import counted_days, daily_counts

SHOWN_BY_DAY = (Measure.STARTED, Measure.VERIFIED, Measure.ENDED, Measure.GIVEN_UP)
_ADD_DAY = insert_or(counted_days, lambda statement: statement.on_conflict_do_nothing())


def find_providers(connection: Connection, tenant: str | None = None) -> Sequence[str]:
    """Return the ids of all providers, or of a tenant's, in order."""
    statement = select(providers.c.id).order_by(providers.c.id)
    return (
        connection.execute(statement if tenant is None else statement.where(providers.c.tenant == tenant))
        .scalars()
        .all()
    )


def find_first(connection: Connection) -> datetime | None:
    """Return the start time of the first stored verification."""
    of_provider = select(verifications.c.created_at).where(verifications.c.provider_id == providers.c.id)
    first = of_provider.order_by(verifications.c.created_at).limit(1).correlate(providers).scalar_subquery()
    firsts = connection.execute(select(first).select_from(providers)).scalars()
    return min(filter(None, firsts), default=None)


def find_counted(connection: Connection) -> dict[date, datetime]:
    """Return when each day was last counted."""
    return {
        row.day: row.counted_at for row in connection.execute(select(counted_days.c.day, counted_days.c.counted_at))
    }


def find_counted_at(connection: Connection, day: date) -> datetime | None:
    """Return when a day, or the latest counted day before it, was last counted."""
    statement = select(counted_days.c.counted_at).where(counted_days.c.day <= day).order_by(counted_days.c.day.desc())
    return connection.execute(statement.limit(1)).scalar_one_or_none()


def take(connection: Connection, day: date, seen: datetime | None, owner: str, now: datetime) -> bool:
    """Lease a day that was last counted at `seen`; False if another pass was faster."""
    taken = {"counted_at": now, "owner": owner}
    if seen is None:
        return connection.execute(_ADD_DAY(connection), {"day": day, **taken}).rowcount == 1
    unchanged = (counted_days.c.day == day, counted_days.c.counted_at == seen)
    return connection.execute(update(counted_days).where(*unchanged).values(taken)).rowcount == 1


def replace(
    connection: Connection,
    day: date,
    owner: str,
    counts: Iterable[Count],
    measures: Collection[str],
    provider_ids: Collection[str] | None,
) -> bool:
    """Replace a day's counts of some measures, and of some providers or all; False if another pass has the day.

    Providers that were removed meanwhile are left out: each provider is locked first, and its counts are deleted with
    it.
    """
    rows = [asdict(each) | {"day": day} for each in counts]
    known = _share_providers(connection, {row["provider_id"] for row in rows} - {""})
    held = select(counted_days.c.day).where(counted_days.c.day == day, counted_days.c.owner == owner)
    if connection.execute(held.with_for_update()).one_or_none() is None:
        return False
    old = [daily_counts.c.day == day, daily_counts.c.measure.in_(measures)]
    if provider_ids is not None:
        old.append(daily_counts.c.provider_id.in_(provider_ids))
    connection.execute(delete(daily_counts).where(*old))
    if rows := [row for row in rows if row["provider_id"] in known]:
        connection.execute(insert(daily_counts), rows)
    return True


def forget_provider(connection: Connection, tenant: str, provider_id: str) -> None:
    """Delete the counts of a removed provider."""
    of_provider = (daily_counts.c.tenant == tenant, daily_counts.c.provider_id == provider_id)
    connection.execute(delete(daily_counts).where(*of_provider))


def find(
    connection: Connection,
    tenant: str,
    provider_ids: Collection[str],
    days: tuple[date, date],
    environments: Collection[str],
) -> Iterator[DayCount]:
    """Yield the counts from one day to another, both included; by day only for measures that are shown by day."""
    day = case((daily_counts.c.measure.in_(SHOWN_BY_DAY), daily_counts.c.day), else_=null()).label("of_day")
    statement = (
        select(daily_counts.c.measure, daily_counts.c.bucket, day, func.sum(daily_counts.c.n))
        .where(
            daily_counts.c.tenant == tenant,
            daily_counts.c.provider_id.in_(provider_ids),
            daily_counts.c.day.between(*days),
            daily_counts.c.environment.in_(environments),
        )
        .group_by(daily_counts.c.measure, daily_counts.c.bucket, text(day.name))
    )
    for measure, bucket, of_day, n in connection.execute(statement):
        yield DayCount(measure, bucket, of_day, int(n))


def _share_providers(connection: Connection, provider_ids: Collection[str]) -> set[str]:
    statement = select(providers.c.id).where(providers.c.id.in_(sorted(provider_ids))).order_by(providers.c.id)
    shared = connection.execute(statement.with_for_update(read=True, key_share=True)).scalars()
    return {"", *shared}
