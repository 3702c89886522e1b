"""Statements on daily counts, which are kept by month: whole days are replaced, and read for a period.

A day is counted by one pass at a time: it leases the day by compare-and-set, counts, and writes only while it holds the
lease.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from sqlalchemy import JSON, ColumnElement, Connection, Row, Select, case, delete, select, type_coerce, update

from connector.domain.statistics.measures import Count, key_of
from connector.domain.statistics.month_counts import MonthCounts, is_whole, month_of
from connector.store.dialect import insert as insert_or
from connector.store.hidden import IS_REGISTERED
from connector.store.models import counted_days, daily_counts, monthly_counts, providers, verifications
from connector.store.models import hourly_counts as hourly_counts_table
from connector.store.statistics import hourly_counts

_ADD_DAY = insert_or(counted_days, lambda statement: statement.on_conflict_do_nothing())
_ADD_MONTH = insert_or(monthly_counts, lambda statement: statement.on_conflict_do_nothing())


def find_providers(connection: Connection, tenant: str | None = None) -> Sequence[str]:
    """Return the ids of all providers, or of a tenant's, in order."""
    statement = select(providers.c.id).where(IS_REGISTERED).order_by(providers.c.id)
    return (
        connection.execute(statement if tenant is None else statement.where(providers.c.tenant == tenant))
        .scalars()
        .all()
    )


def find_first(connection: Connection) -> datetime | None:
    """Return the start time of the first stored verification."""
    of_provider = select(verifications.c.created_at).where(verifications.c.provider_id == providers.c.id)
    first = of_provider.order_by(verifications.c.created_at).limit(1).correlate(providers).scalar_subquery()
    firsts = connection.execute(select(first).select_from(providers).where(IS_REGISTERED)).scalars()
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
    counts: Collection[Count],
    measures: Collection[str],
    provider_ids: Collection[str] | None,
    *,
    has_hours: bool = False,
) -> bool:
    """Replace a day's counts of some measures, and of some providers or all; False if another pass has the day.

    Providers that were removed meanwhile are left out: each provider is locked first, and its counts are deleted with
    it. `has_hours`: the counts of its hours are replaced as well.
    """
    by_place = _by_place(counts)
    known = _share_providers(connection, {provider_id for _, provider_id, _ in by_place} - {""})
    held = select(counted_days.c.day).where(counted_days.c.day == day, counted_days.c.owner == owner)
    if connection.execute(held.with_for_update()).one_or_none() is None:
        return False
    by_place = {place: counted for place, counted in by_place.items() if place[1] in known}
    _add_months(connection, day, by_place, is_of_verifications=provider_ids is not None)
    for row in connection.execute(_months(day, provider_ids)).all():
        before = MonthCounts(row.shown, row.days, row.totals)
        place = (row.tenant, row.provider_id, row.environment)
        after = before.with_day(day, by_place.get(place, {}), measures)
        if after != before:
            changed = {"shown": after.shown, "days": after.days, "totals": after.totals}
            connection.execute(update(monthly_counts).where(*_is_at(row)).values(changed))
    if has_hours:
        of_known = [each for each in counts if each.provider_id in known]
        hourly_counts.replace(connection, day, of_known, measures, provider_ids)
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


Place: TypeAlias = tuple[str, str, str]  # tenant, provider, environment


def _by_place(counts: Iterable[Count]) -> dict[Place, dict[str, int]]:
    by_place: dict[Place, dict[str, int]] = {}
    for each in counts:
        place = (each.tenant, each.provider_id, each.environment)
        counted, key = by_place.setdefault(place, {}), key_of(each.measure, each.bucket)
        counted[key] = counted.get(key, 0) + each.n
    return by_place


def _add_months(connection: Connection, day: date, places: Iterable[Place], *, is_of_verifications: bool) -> None:
    """Add a month's rows that are missing, in an order that all keep: two passes may add rows at once."""
    empty = {"shown": {}, "days": {}, "totals": {}, "month": month_of(day), "is_of_verifications": is_of_verifications}
    rows = [dict(zip(("tenant", "provider_id", "environment"), place, strict=True)) | empty for place in sorted(places)]
    if rows:
        connection.execute(_ADD_MONTH(connection), rows)


def _months(day: date, provider_ids: Collection[str] | None) -> Select[Any]:
    """Return the statement that reads and locks the rows of a day's month: other days of it may be replaced as well."""
    of_month = [
        monthly_counts.c.month == month_of(day),
        monthly_counts.c.is_of_verifications.is_(provider_ids is not None),
    ]
    if provider_ids is not None:
        of_month.append(monthly_counts.c.provider_id.in_(provider_ids))
    in_order = (monthly_counts.c.tenant, monthly_counts.c.provider_id, monthly_counts.c.environment)
    return select(monthly_counts).where(*of_month).order_by(*in_order).with_for_update()


def _is_at(row: Row[Any]) -> list[ColumnElement[bool]]:
    return [column == row._mapping[column] for column in monthly_counts.primary_key]


def _share_providers(connection: Connection, provider_ids: Collection[str]) -> set[str]:
    is_known = (providers.c.id.in_(sorted(provider_ids)), IS_REGISTERED)
    statement = select(providers.c.id).where(*is_known).order_by(providers.c.id)
    shared = connection.execute(statement.with_for_update(read=True, key_share=True)).scalars()
    return {"", *shared}
