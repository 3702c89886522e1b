"""The days that are counted again, also if guests are removed early."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from connector.domain.statistics.counting import DAILY, due_days, recounted_days

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def is_due(age: int, counted: timedelta, recounted: int = DAILY) -> bool:
    """Whether a day of an age in days is due, if its last count is as old as this."""
    day = NOW.date() - timedelta(days=age)
    return day in due_days({day: NOW - counted}, day, NOW, recounted)


@pytest.mark.parametrize(
    ("age", "counted", "is_counted"),
    [
        (0, timedelta(seconds=1), True),
        (1, timedelta(seconds=1), True),
        (14, timedelta(minutes=59), False),
        (14, timedelta(minutes=61), True),
        (15, timedelta(hours=11), False),
        (60, timedelta(hours=13), True),
        (61, timedelta(hours=11), False),
        (61, timedelta(hours=13), True),
        (300, timedelta(days=200), False),
        (300, timedelta(days=241), True),
    ],
)
def test_recent_days_are_counted_often_and_old_ones_once_more(age: int, counted: timedelta, is_counted: bool) -> None:
    assert is_due(age, counted) is is_counted


@pytest.mark.parametrize("retention", [7, 8, 15, 16, 17, 30, 61, 62, 63, 90, 3650])
def test_a_day_is_counted_for_the_last_time_before_the_first_of_its_guests_is_removed(retention: int) -> None:
    recounted = recounted_days(retention)
    ages = [age for age in range(100) if is_due(age, timedelta(hours=13), recounted)]
    assert ages == list(range(recounted + 2)), "each day until then, and once more"
    assert ages[-1] < retention
    assert not is_due(recounted + 1, timedelta(hours=11), recounted)
    assert is_due(retention + 3, timedelta(days=retention), recounted), "one that was missed is counted late"


def test_a_day_that_was_never_counted_is_due_at_any_age() -> None:
    assert list(due_days({}, date(2026, 6, 28), NOW, 5)) == [NOW.date() - timedelta(days=age) for age in range(3)]
