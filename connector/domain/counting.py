"""Which days have to be counted again: recent ones often, older ones rarely, frozen ones never.

    today and yesterday     each time
    up to 14 days old       once an hour
    up to 60 days old       once a day
    older                   once more after the 60 days; then they are frozen

A day that was never counted is due at any age.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

HOURLY, DAILY = 14, 60  # days


def due_days(counted: Mapping[date, datetime], first: date, now: datetime) -> Iterator[date]:
    """Yield the days since the first that are due, the latest first; `counted` has the time of each last count."""
    today = now.astimezone(UTC).date()
    for age in range((today - first).days + 1):
        day = today - timedelta(days=age)
        if day not in counted or _is_due(day, counted[day], today, now):
            yield day


def bounds(day: date) -> tuple[datetime, datetime]:
    """Return the moments at which a UTC day and the next day begin."""
    begins = datetime.combine(day, time(), UTC)
    return begins, begins + timedelta(days=1)


def _is_due(day: date, counted_at: datetime, today: date, now: datetime) -> bool:
    age = (today - day).days
    if age <= 1:
        return True
    if age <= HOURLY:
        return now - counted_at >= timedelta(hours=1)
    counted_on = counted_at.astimezone(UTC).date()
    return counted_on < today if age <= DAILY else counted_on <= day + timedelta(days=DAILY)
