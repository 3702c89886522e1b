"""Statements on the counts by hour of recent days; the transaction holds the lease of the day (`daily_counts.py`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from connector.domain.statistics.hour_counts import Lines, lines_of, replaced
from connector.domain.statistics.measures import Count
from connector.store import batch
from connector.store.models import hourly_counts

PLACE = ("tenant", "provider_id", "environment")
# Built once, as in `daily_counts.py`.
_OF_OTHERS, _OF_VERIFICATIONS = (
    select(*(hourly_counts.c[name] for name in PLACE), hourly_counts.c.hours).where(
        hourly_counts.c.day == bindparam("of_day"), hourly_counts.c.is_of_verifications.is_(kind)
    )
    for kind in (False, True)
)
_OF_PROVIDERS = _OF_VERIFICATIONS.where(hourly_counts.c.provider_id.in_(bindparam("provider_ids", expanding=True)))
_DELETE = delete(hourly_counts).where(
    *(column == bindparam(f"of_{column.name}") for column in hourly_counts.primary_key)
)
_INSERT = insert(hourly_counts)
_FORGET = delete(hourly_counts).where(hourly_counts.c.day < bindparam("before"))


def replace(
    connection: Connection,
    day: date,
    counts: Iterable[Count],
    measures: Collection[str],
    provider_ids: Collection[str] | None,
) -> None:
    """Replace a day's counts of some measures, and of some providers' verifications or of everything else."""
    by_place: dict[tuple[str, ...], list[Count]] = defaultdict(list)
    for each in counts:
        by_place[each.tenant, each.provider_id, each.environment].append(each)
    known = {tuple(row[:3]): row.hours for row in _rows(connection, day, provider_ids)}
    written = {
        place: replaced(known.get(place, {}), lines_of(by_place.get(place, ())), measures)
        for place in {*known, *by_place}
    }
    changed = sorted(place for place, hours in written.items() if hours != known.get(place))
    keys = {
        place: dict(zip(PLACE, place, strict=True)) | {"day": day, "is_of_verifications": provider_ids is not None}
        for place in changed
    }
    former = [{f"of_{name}": value for name, value in keys[place].items()} for place in changed if place in known]
    batch.execute_all(connection, _DELETE, former)
    rows = [keys[place] | {"hours": written[place]} for place in changed if written[place]]
    batch.insert_all(connection, _INSERT, rows, ("day", "is_of_verifications"))


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
    batch.execute(connection, _FORGET, {"before": before})


def _rows(connection: Connection, day: date, provider_ids: Collection[str] | None) -> Sequence[Any]:
    if provider_ids is None:
        return batch.execute(connection, _OF_OTHERS, {"of_day": day}).rows
    return connection.execute(_OF_PROVIDERS, {"of_day": day, "provider_ids": list(provider_ids)}).all()
