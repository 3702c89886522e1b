"""Counts of hours: put together to the last 24 hours, and to the 24 before them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from connector.domain.statistics.hour_counts import first_kept, hour_of, lines_of, numbers_of_hours, replaced
from connector.domain.statistics.measures import Count
from connector.domain.statistics.statistics import Period
from connector.domain.statistics.statistics_period import read_period

NOW = datetime(2026, 3, 2, 10, 20, tzinfo=UTC)
LAST = read_period({"period": "24h", "from": None, "to": None}, NOW)


def counts(*hours: tuple[int, int], measure: str = "started", bucket: str = "ended") -> list[Count]:
    return [Count("t", "p", "live", measure, bucket, n, hour) for hour, n in hours]


def test_the_last_24_hours_are_whole_hours_and_the_current_one() -> None:
    assert (LAST.since, LAST.before) == (datetime(2026, 3, 1, 10, tzinfo=UTC), NOW)
    before = LAST.previous
    assert (before.since, before.before, before.is_of_days) == (LAST.since - timedelta(days=1), LAST.since, False)
    days = [
        (date(2026, 2, 28), lines_of(counts((9, 100), (10, 1)))),
        (date(2026, 3, 1), lines_of(counts((9, 2), (10, 4), (10, 8), (23, 16)))),
        (date(2026, 3, 2), lines_of([*counts((0, 32), (10, 64)), *counts((3, 5), measure="run", bucket="")])),
    ]
    assert numbers_of_hours(days, LAST.since, LAST.before).totals == {"started|ended": 4 + 8 + 16 + 32 + 64, "run|": 5}
    assert numbers_of_hours(days, before.since, before.before).totals == {"started|ended": 3}
    assert numbers_of_hours([], LAST.since, LAST.before).totals == {}


def test_a_period_of_days_is_preceded_by_a_period_of_the_same_length() -> None:
    period = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC))
    assert period.previous == Period(datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


def test_only_recounted_measures_are_replaced() -> None:
    known = lines_of([*counts((1, 1)), *counts((1, 7), measure="refused", bucket="OIDV-10002")])
    again = lines_of(counts((2, 3)))
    assert replaced(known, again, ["started"]) == {"refused|OIDV-10002": known["refused|OIDV-10002"], **again}
    assert replaced(known, {}, ["started", "refused"]) == {}


def test_hours_begin_in_utc_and_are_kept_for_three_days() -> None:
    assert hour_of(datetime.fromisoformat("2026-03-01T00:45:10+05:30")) == datetime(2026, 2, 28, 19, tzinfo=UTC)
    assert first_kept(date(2026, 3, 2)) == date(2026, 2, 28)
