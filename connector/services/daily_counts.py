"""Daily counts: the sweep recounts each day that is due as a whole.

    lease the day (compare-and-set) ──► count the rows, without a transaction ──► replace the day's counts, note when

Of recent days the counts of each hour are kept as well, for the last 24 hours.

It may be killed at any point, and any number of workers may run it concurrently: a day's counts come from one pass, and
the next pass repeats one that was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from connector.domain.ids import new_id
from connector.domain.statistics.counting import bounds, due_days
from connector.domain.statistics.hour_counts import first_kept
from connector.domain.statistics.measures import OF_VERIFICATIONS, Measure
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.statistics import counting, daily_counts, hourly_counts
from connector.store.statistics.counting import Window
from connector.store.statistics.daily_counts import Part

MOST_DAYS = 31  # days that one pass counts; the next passes count the others
MOST_PROVIDERS = 100  # providers whose verifications one statement counts


@use_case
class DailyCounts:
    """Counts days, again up to an age of `recounted` days.

    Refused starts are counted for `retention`, the time for which they are recorded.
    """

    _database: Database
    _retention: timedelta
    _recounted: int
    _clock: Callable[[], datetime]

    def count_due(self) -> None:
        """Count the days that are due."""
        now = self._clock()
        with self._database.read() as connection:
            provider_ids = daily_counts.find_providers(connection)
            first = daily_counts.find_first(connection)
            counted = daily_counts.find_counted(connection)
        first_day = (first or now).astimezone(UTC).date()
        counted_at = {day: each.counted_at for day, each in counted.items()}
        for day in islice(due_days(counted_at, first_day, now, self._recounted), MOST_DAYS):
            self._count(day, counted[day].owner if day in counted else None, provider_ids)
        with self._database.write() as connection:
            hourly_counts.forget(connection, self._first_with_hours())

    def _count(self, day: date, seen: str | None, provider_ids: Sequence[str]) -> None:
        owner, now, window = new_id(), self._clock(), Window(*bounds(day))
        with self._database.write() as connection:
            if not daily_counts.take(connection, day, seen, owner):
                return
        is_recorded = window.since >= now - self._retention
        measures = (Measure.DEAD, Measure.REFUSED) if is_recorded else (Measure.DEAD,)
        with self._database.read() as connection:
            parts = [Part(counting.count_others(connection, window, has_refused=is_recorded), measures, None)]
        chunks = list(_chunks(provider_ids))
        for some in chunks:
            with self._database.read() as connection:
                parts.append(Part(counting.count_verifications(connection, some, window), OF_VERIFICATIONS, some))
            if not self._replace(day, owner, parts, now if some is chunks[-1] else None):
                return
            parts = []

    def _replace(self, day: date, owner: str, parts: Sequence[Part], counted_at: datetime | None) -> bool:
        with self._database.write() as connection:
            has_hours = day >= self._first_with_hours()
            return daily_counts.replace(connection, day, owner, parts, has_hours=has_hours, counted_at=counted_at)

    def _first_with_hours(self) -> date:
        return first_kept(self._clock().astimezone(UTC).date())


def _chunks(provider_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the providers in turn; an empty chunk if there are none."""
    for start in range(0, max(1, len(provider_ids)), MOST_PROVIDERS):
        yield provider_ids[start : start + MOST_PROVIDERS]
