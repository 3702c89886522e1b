"""Which days have to be counted again: recent ones often, older ones rarely, frozen ones never.

    today and yesterday     each time
    up to 14 days old       once an hour
    up to 60 days old       once a day
    older                   once more after the 60 days; then they are frozen

A day that was never counted is due at any age. If the rows of guests are removed earlier, days are frozen before that,
so that the counts include them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

HOURLY, DAILY = 14, 60  # days


def recounted_days(guest_retention: int) -> int:
    """Return the age in days up to which days are counted again, if guests are removed after `guest_retention` days."""
    return min(DAILY, guest_retention - 2)  # once more on the next day, before the first row is removed


def due_days(counted: Mapping[date, datetime], first: date, now: datetime, recounted: int = DAILY) -> Iterator[date]:
    """Yield the days since the first that are due, the latest first.

    `counted` has the time of each last count, `recounted` is the age up to which days are counted again.
    """
    today = now.astimezone(UTC).date()
    for age in range((today - first).days + 1):
        day = today - timedelta(days=age)
        if day not in counted or _is_due(day, counted[day], now, recounted):
            yield day


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the moments at which a UTC day and the next day begin."""
    begins = datetime.combine(day, time(), UTC)
    return begins, begins + timedelta(days=1)


def _is_due(day: date, counted_at: datetime, now: datetime, recounted: int) -> bool:
    today, counted_on = (each.astimezone(UTC).date() for each in (now, counted_at))
    age = (today - day).days
    if age <= 1:
        return True
    if age <= min(HOURLY, recounted):
        return now - counted_at >= timedelta(hours=1)
    return counted_on < today if age <= recounted else counted_on <= day + timedelta(days=recounted)
