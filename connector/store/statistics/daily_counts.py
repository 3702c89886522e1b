"""Statements on daily counts, which are kept by month: whole days are replaced, and read for a period.

A day is counted by one pass at a time: it leases the day by compare-and-set, counts, and writes only while it holds the
lease.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import JSON, Connection, bindparam, case, delete, select, type_coerce, update

from connector.domain.frozen import frozen
from connector.domain.statistics.counting import bounds
from connector.domain.statistics.measures import Count, key_of
from connector.domain.statistics.month_counts import MonthCounts, is_whole, month_of
from connector.store import batch
from connector.store.compiled import HAS_VALUES
from connector.store.dialect import insert as insert_or
from connector.store.hidden import IS_REGISTERED
from connector.store.models import counted_days, daily_counts, monthly_counts, providers, verifications
from connector.store.models import hourly_counts as hourly_counts_table
from connector.store.statistics import hourly_counts
from connector.store.statistics.hourly_counts import PLACE

Place: TypeAlias = tuple[str, str, str]  # tenant, provider, environment

# Built once: building a statement takes longer than the database takes to execute it.
_PROVIDERS = select(providers.c.id).where(IS_REGISTERED).order_by(providers.c.id)
_PROVIDERS_OF_TENANT = _PROVIDERS.where(providers.c.tenant == bindparam("tenant"))
_FIRST = (
    select(
        select(verifications.c.created_at)
        .where(verifications.c.provider_id == providers.c.id)
        .order_by(verifications.c.created_at)
        .limit(1)
        .correlate(providers)
        .scalar_subquery()
        .label("first")
    )
    .select_from(providers)
    .where(IS_REGISTERED)
)
_COUNTED = select(counted_days)
_ADD_DAY = insert_or(counted_days, lambda statement: statement.on_conflict_do_nothing())
_TAKE_AGAIN = (
    update(counted_days)
    .where(counted_days.c.day == bindparam("of_day"), counted_days.c.owner == bindparam("of_owner"))
    .values(owner=bindparam("new_owner"))
    .execution_options(**{HAS_VALUES: True})
)
_END = (
    update(counted_days)
    .where(counted_days.c.day == bindparam("of_day"))
    .values(counted_at=bindparam("at"))
    .execution_options(**{HAS_VALUES: True})
)
_HOLD = (
    select(counted_days.c.day)
    .where(counted_days.c.day == bindparam("of_day"), counted_days.c.owner == bindparam("of_owner"))
    .with_for_update()
)
_SHARE_PROVIDERS = (
    select(providers.c.id)
    .where(providers.c.id.in_(bindparam("provider_ids", expanding=True)), IS_REGISTERED)
    .order_by(providers.c.id)
    .with_for_update(read=True, key_share=True)
)
_ADD_MONTH = insert_or(monthly_counts, lambda statement: statement.on_conflict_do_nothing())
_NUMBERS = ("shown", "days", "totals")
# The rows are locked as well: other days of the month may be replaced at the same time.
_OF_OTHERS, _OF_VERIFICATIONS = (
    select(monthly_counts)
    .where(monthly_counts.c.month == bindparam("of_month"), monthly_counts.c.is_of_verifications.is_(kind))
    .order_by(*(monthly_counts.c[name] for name in PLACE))
    .with_for_update()
    for kind in (False, True)
)
_OF_PROVIDERS = _OF_VERIFICATIONS.where(monthly_counts.c.provider_id.in_(bindparam("provider_ids", expanding=True)))
_CHANGE_MONTH = (
    update(monthly_counts)
    .where(*(column == bindparam(f"of_{column.name}") for column in monthly_counts.primary_key))
    .values({name: bindparam(f"new_{name}") for name in _NUMBERS})
    .execution_options(**{HAS_VALUES: True})
)


@frozen
class CountedDay:
    """When a day was last counted as a whole, and the pass that took it last."""

    counted_at: datetime
    owner: str


@frozen
class Part:
    """The counts of some of a day's measures: of some providers' verifications, or of everything else."""

    counts: Collection[Count]
    measures: Collection[str]
    provider_ids: Collection[str] | None  # None: of everything else


def find_providers(connection: Connection, tenant: str | None = None) -> Sequence[str]:
    """Return the ids of all providers, or of a tenant's, in order."""
    statement = _PROVIDERS if tenant is None else _PROVIDERS_OF_TENANT
    return batch.execute(connection, statement, {} if tenant is None else {"tenant": tenant}).scalars()


def find_first(connection: Connection) -> datetime | None:
    """Return the start time of the first stored verification."""
    return min(filter(None, batch.execute(connection, _FIRST, {}).scalars()), default=None)


def find_counted(connection: Connection) -> dict[date, CountedDay]:
    """Return when each day was last counted as a whole, and by which pass it was taken last."""
    rows = batch.execute(connection, _COUNTED, {}).rows
    return {row.day: CountedDay(row.counted_at, row.owner) for row in rows}


def find_counted_at(connection: Connection, day: date) -> datetime | None:
    """Return when a day, or the latest counted day before it, was last counted as a whole."""
    counted_until = select(counted_days).where(counted_days.c.day <= day).order_by(counted_days.c.day.desc())
    rows = connection.execute(counted_until.limit(2))  # the latest one may be new, and not counted yet
    return next((row.counted_at for row in rows if row.counted_at > bounds(row.day)[0]), None)


def take(connection: Connection, day: date, seen: str | None, owner: str) -> bool:
    """Lease a day that the pass `seen` took last; False if another one was faster.

    The time of the last count is unchanged, so that the day stays due until a pass has counted it as a whole. A day
    that was never counted gets its beginning, after which nothing of it can have been counted.
    """
    if seen is None:
        added = {"day": day, "counted_at": bounds(day)[0], "owner": owner}
        return batch.execute(connection, _ADD_DAY(connection), added).rowcount == 1
    taken = {"of_day": day, "of_owner": seen, "new_owner": owner}
    return batch.execute(connection, _TAKE_AGAIN, taken).rowcount == 1


def replace(
    connection: Connection,
    day: date,
    owner: str,
    parts: Sequence[Part],
    *,
    has_hours: bool = False,
    counted_at: datetime | None = None,
) -> bool:
    """Replace parts of a day's counts; False if another pass has the day. `counted_at` is given with the last parts.

    Providers that were removed meanwhile are left out: each provider is locked first, and its counts are deleted with
    it. `has_hours`: the counts of its hours are replaced as well.
    """
    known = _share_providers(connection, {each.provider_id for part in parts for each in part.counts} - {""})
    if batch.execute(connection, _HOLD, {"of_day": day, "of_owner": owner}).one_or_none() is None:
        return False
    for part in parts:
        counts = [each for each in part.counts if each.provider_id in known]
        _replace_in_months(connection, day, counts, part)
        if has_hours:
            hourly_counts.replace(connection, day, counts, part.measures, part.provider_ids)
    if counted_at:
        batch.execute(connection, _END, {"of_day": day, "at": counted_at})
    return True


def forget_provider(connection: Connection, tenant: str, provider_id: str) -> None:
    """Delete the counts of a removed provider."""
    for table in (monthly_counts, hourly_counts_table, daily_counts):
        connection.execute(delete(table).where(table.c.tenant == tenant, table.c.provider_id == provider_id))


def find(
    connection: Connection,
    tenant: str,
    provider_ids: Collection[str],
    days: tuple[date, date],
    environments: Collection[str],
) -> list[tuple[date, MonthCounts]]:
    """Return the months of a period: with their totals if it has them whole, else with their days."""
    months = [month for month in {month_of(day) for day in days} if not is_whole(month, *days)]
    is_part = monthly_counts.c.month.in_(months)
    statement = select(
        monthly_counts.c.month,
        monthly_counts.c.shown,
        type_coerce(case((is_part, monthly_counts.c.days)), JSON).label("days"),
        type_coerce(case((~is_part, monthly_counts.c.totals)), JSON).label("totals"),
    ).where(
        monthly_counts.c.tenant == tenant,
        monthly_counts.c.provider_id.in_(provider_ids),
        monthly_counts.c.month.between(month_of(days[0]), month_of(days[1])),
        monthly_counts.c.environment.in_(environments),
    )
    return [(row.month, MonthCounts(row.shown, row.days, row.totals)) for row in connection.execute(statement)]


def _replace_in_months(connection: Connection, day: date, counts: Iterable[Count], part: Part) -> None:
    by_place = _by_place(counts)
    _add_months(connection, day, by_place, is_of_verifications=part.provider_ids is not None)
    changes = []
    for row in _months(connection, day, part.provider_ids):
        before = MonthCounts(row.shown, row.days, row.totals)
        place = (row.tenant, row.provider_id, row.environment)
        after = before.with_day(day, by_place.get(place, {}), part.measures)
        if after != before:
            key = {f"of_{column.name}": getattr(row, column.name) for column in monthly_counts.primary_key}
            changes.append(key | {f"new_{name}": getattr(after, name) for name in _NUMBERS})
    batch.execute_all(connection, _CHANGE_MONTH, changes)


def _by_place(counts: Iterable[Count]) -> dict[Place, dict[str, int]]:
    by_place: dict[Place, dict[str, int]] = {}
    for each in counts:
        place = (each.tenant, each.provider_id, each.environment)
        counted, key = by_place.setdefault(place, {}), key_of(each.measure, each.bucket)
        counted[key] = counted.get(key, 0) + each.n
    return by_place


def _add_months(connection: Connection, day: date, places: Iterable[Place], *, is_of_verifications: bool) -> None:
    """Add a month's rows that are missing, in an order that all keep: two passes may add rows at once."""
    shared = {"month": month_of(day), "is_of_verifications": is_of_verifications} | {name: {} for name in _NUMBERS}
    rows = [dict(zip(PLACE, place, strict=True)) | shared for place in sorted(places)]
    batch.insert_all(connection, _ADD_MONTH(connection), rows, tuple(shared))


def _months(connection: Connection, day: date, provider_ids: Collection[str] | None) -> Sequence[Any]:
    """Read and lock the rows of a day's month."""
    if provider_ids is None:
        return batch.execute(connection, _OF_OTHERS, {"of_month": month_of(day)}).rows
    of_providers = {"of_month": month_of(day), "provider_ids": list(provider_ids)}
    return connection.execute(_OF_PROVIDERS, of_providers).all()


def _share_providers(connection: Connection, provider_ids: Collection[str]) -> set[str]:
    if not provider_ids:
        return {""}
    return {"", *connection.execute(_SHARE_PROVIDERS, {"provider_ids": sorted(provider_ids)}).scalars()}
