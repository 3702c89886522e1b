"""The counts of the hours of a day: a list for each count, with a number for each of 24 hours.

The hours of the current day and of the two before it are kept: the last 24 hours, and the 24 hours before them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from connector.domain.statistics.measures import Count, Numbers, key_of, measure_of

HOURS = 24
DAYS_KEPT = 3

Lines = Mapping[str, Sequence[int]]  # by key: a number for each hour


def first_kept(today: date) -> date:
    """Return the first day whose hours are kept."""
    return today - timedelta(days=DAYS_KEPT - 1)


def hour_of(at: datetime) -> datetime:
    """Return the beginning of an hour in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def lines_of(counts: Iterable[Count]) -> dict[str, list[int]]:
    """Return the lines of a provider's counts."""
    lines: dict[str, list[int]] = {}
    for each in counts:
        lines.setdefault(key_of(each.measure, each.bucket), [0] * HOURS)[each.hour] += each.n
    return lines


def replaced(lines: Lines, counted: Lines, measures: Collection[str]) -> dict[str, Sequence[int]]:
    """Return the lines with those of some measures replaced."""
    return {key: line for key, line in lines.items() if measure_of(key) not in measures} | dict(counted)


def numbers_of_hours(days: Iterable[tuple[date, Lines]], since: datetime, before: datetime) -> Numbers:
    """Return the numbers of the hours that begin in a period."""
    numbers = Numbers()
    for day, lines in days:
        midnight = datetime.combine(day, time(), UTC)
        chosen = [hour for hour in range(HOURS) if since <= midnight + timedelta(hours=hour) < before]
        numbers.add((key, n) for key, line in lines.items() if (n := sum(line[hour] for hour in chosen)))
    return numbers
