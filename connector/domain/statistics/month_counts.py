"""The counts of a month, day by day, and the combination of months into a period.

A month keeps a list for each count, with a number for each of its days, and of most counts the sum as well: a year is
then read from the sums of whole months, and from the days of the months at its ends.

    shown   counts that are shown day by day          always read
    days    all others                                 read of months that a period has only in part
    totals  the sums of `days`                         read of whole months
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date
from operator import add

from connector.domain.frozen import frozen
from connector.domain.statistics.measures import Measure, Numbers, measure_of

SHOWN_BY_DAY = frozenset({Measure.STARTED, Measure.VERIFIED, Measure.ENDED, Measure.DEAD})

Lines = Mapping[str, Sequence[int]]  # by key: a number for each day


@frozen
class MonthCounts:
    """The counts of a month; of `days` and `totals` a reader may leave one out."""

    shown: Lines = field(default_factory=dict)
    days: Lines | None = field(default_factory=dict)
    totals: Mapping[str, int] | None = field(default_factory=dict)

    def with_day(self, day: date, counts: Mapping[str, int], measures: Collection[str]) -> MonthCounts:
        """Return the month with a day's counts of some measures replaced."""
        size = month_length(day)
        shown, days = (
            _replaced(lines or {}, day.day - 1, size, _some(counts, is_shown=is_shown), measures)
            for lines, is_shown in ((self.shown, True), (self.days, False))
        )
        return MonthCounts(shown, days, {key: sum(line) for key, line in days.items()})


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def month_length(day: date) -> int:
    """Return the number of days of a day's month."""
    return monthrange(day.year, day.month)[1]


def is_whole(month: date, first: date, last: date) -> bool:
    """Whether a period has every day of a month."""
    return first <= month and month.replace(day=month_length(month)) <= last


def numbers_of(months: Iterable[tuple[date, MonthCounts]], first: date, last: date) -> Numbers:
    """Return the numbers of a period, from the first day to the last, out of its months."""
    length = (last - first).days + 1
    numbers = Numbers()
    for month, counts in months:
        start = (month - first).days
        part = slice(max(0, -start), min(month_length(month), length - start))
        if counts.totals is None:
            numbers.add((key, sum(line[part])) for key, line in (counts.days or {}).items())
        else:
            numbers.add(counts.totals.items())
        for key, line in counts.shown.items():
            into = numbers.lines.setdefault(key, [0] * length)
            place = slice(start + part.start, start + part.stop)
            into[place] = map(add, into[place], line[part])
    numbers.add((key, sum(line)) for key, line in numbers.lines.items())
    return numbers


def _some(counts: Mapping[str, int], *, is_shown: bool) -> dict[str, int]:
    return {key: n for key, n in counts.items() if (measure_of(key) in SHOWN_BY_DAY) is is_shown}


def _replaced(
    lines: Lines, at: int, size: int, counts: Mapping[str, int], measures: Collection[str]
) -> dict[str, list[int]]:
    """Return the lines with one day's numbers of some measures replaced; a line without any number is left out."""
    replaced = {key: list(line) for key, line in lines.items()}
    for key in {*(key for key in lines if measure_of(key) in measures), *counts}:
        replaced.setdefault(key, [0] * size)[at] = counts.get(key, 0)
    return {key: line for key, line in replaced.items() if any(line)}
