"""Statements on the counts by hour of recent days; the transaction holds the lease of the day (`daily_counts.py`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date

from sqlalchemy import Connection, delete, insert, select

from connector.domain.statistics.hour_counts import Lines, lines_of, replaced
from connector.domain.statistics.measures import Count
from connector.store.models import hourly_counts

_PLACE = ("tenant", "provider_id", "environment")


def replace(
    connection: Connection,
    day: date,
    counts: Iterable[Count],
    measures: Collection[str],
    provider_ids: Collection[str] | None,
) -> None:
    """Replace a day's counts of some measures, and of some providers' verifications or of everything else."""
    of_day = [hourly_counts.c.day == day, hourly_counts.c.is_of_verifications.is_(provider_ids is not None)]
    if provider_ids is not None:
        of_day.append(hourly_counts.c.provider_id.in_(provider_ids))
    by_place: dict[tuple[str, ...], list[Count]] = defaultdict(list)
    for each in counts:
        by_place[each.tenant, each.provider_id, each.environment].append(each)
    known = {tuple(row[:3]): row.hours for row in connection.execute(_SELECT.where(*of_day))}
    connection.execute(delete(hourly_counts).where(*of_day))
    written = {
        place: replaced(known.get(place, {}), lines_of(by_place.get(place, ())), measures)
        for place in {*known, *by_place}
    }
    same = {"day": day, "is_of_verifications": provider_ids is not None}
    rows = [
        same | dict(zip(_PLACE, place, strict=True)) | {"hours": hours} for place, hours in written.items() if hours
    ]
    if rows:
        connection.execute(insert(hourly_counts), rows)


def find(
    connection: Connection,
    tenant: str,
    provider_ids: Collection[str],
    days: tuple[date, date],
    environments: Collection[str],
) -> list[tuple[date, Lines]]:
    """Return the days of a period, from the first to the last, with their hours."""
    statement = select(hourly_counts.c.day, hourly_counts.c.hours).where(
        hourly_counts.c.tenant == tenant,
        hourly_counts.c.provider_id.in_(provider_ids),
        hourly_counts.c.day.between(*days),
        hourly_counts.c.environment.in_(environments),
    )
    return [(row.day, row.hours) for row in connection.execute(statement)]


def find_by_provider(
    connection: Connection, tenant: str, provider_ids: Collection[str], days: tuple[date, date]
) -> dict[str, list[tuple[date, Lines]]]:
    """Return the days of a period with their hours, in every environment, by provider."""
    statement = select(hourly_counts.c.provider_id, hourly_counts.c.day, hourly_counts.c.hours).where(
        hourly_counts.c.tenant == tenant,
        hourly_counts.c.provider_id.in_(provider_ids),
        hourly_counts.c.day.between(*days),
    )
    days_of: dict[str, list[tuple[date, Lines]]] = defaultdict(list)
    for row in connection.execute(statement):
        days_of[row.provider_id].append((row.day, row.hours))
    return days_of


def forget(connection: Connection, before: date) -> None:
    """Delete the hours of days before one."""
    connection.execute(delete(hourly_counts).where(hourly_counts.c.day < before))


_SELECT = select(*(hourly_counts.c[name] for name in _PLACE), hourly_counts.c.hours)
