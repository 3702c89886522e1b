"""Statistics for administrators: the daily counts, and the numbers derived from them.

    rows ──► Count, Count, … ──► daily counts ──► summary ──► Statistics

    started, run, captured, result, approved, verified, all_verified     by the day of the start
    ended, seconds, attribute, attribute_approved, attribute_verified    by the day of the end
    refused, dead                                                        by the day on which it happened

Days are UTC days. Durations are kept in a histogram whose buckets grow by 15 %, so that the median of many days can
be computed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import repeat

from connector.domain.frozen import frozen
from connector.domain.statistics.measures import SEPARATOR, Measure, Numbers, key_of
from connector.domain.studio.workflow_run import APPROVED, DECIDED_STATUSES, Comparison

GROWTH = math.log(1.15)  # growth of the histogram's buckets
OPEN, ENDED = "open", "ended"  # buckets of started verifications
RECORDED, IMPLIED = "recorded", "implied"  # buckets of captures: known by their time, or implied by the result


@frozen
class Cohort:
    """Verifications of a period with the same outcome; `verified` is 0 if none of their claims are verified, 1 if some,
    2 if all.
    """

    status: str
    decision: str | None
    is_open: bool
    has_run: bool
    is_captured: bool
    verified: int

    def counted(self) -> Iterator[tuple[Measure, str]]:
        """Yield the counts to which each of them contributes."""
        has_result = self.status in DECIDED_STATUSES
        yield Measure.STARTED, OPEN if self.is_open else ENDED
        if self.has_run:
            yield Measure.RUN, ""
        if self.is_captured or has_result:
            yield Measure.CAPTURED, RECORDED if self.is_captured else IMPLIED
        if has_result:
            yield Measure.RESULT, ""
        if APPROVED in (self.status, self.decision):
            yield Measure.APPROVED, ""
        if self.verified:
            yield Measure.VERIFIED, ""
        if self.verified > 1:
            yield Measure.ALL_VERIFIED, ""


def seconds_bucket(seconds: float) -> str:
    """Return the bucket of a duration."""
    return str(math.floor(math.log(max(seconds, 1.0)) / GROWTH))


def attribute_bucket(uri: str, result: str) -> str:
    """Return the bucket of a result for a claim."""
    return f"{uri}{SEPARATOR}{result}"


@frozen
class Share:
    """A part of a whole."""

    n: int
    of: int

    @property
    def share(self) -> float | None:
        """The part from 0 to 1; None if the whole is 0."""
        return round(self.n / self.of, 4) if self.of else None


@frozen
class Stage:
    """A stage of the funnel, and the number of verifications that have reached it."""

    name: str
    n: int


@frozen
class Times:
    """The durations from start to result, in seconds; None if there was no result."""

    n: int
    median: int | None
    p90: int | None


@frozen
class DayResults:
    """The events of a day: verifications that ended, by their status, and dead deliveries.

    `started` are those that started on that day, of which `verified` have verified a claim by now.
    """

    day: date
    started: int
    by_status: Mapping[str, int]
    verified: int = 0
    dead_deliveries: int = 0


@frozen
class ClaimNumbers:
    """The results for one claim of the verifications that ended, and how often it was verified or not compared."""

    uri: str
    results: Mapping[str, int]
    verified: Share
    not_compared: Share


@frozen
class Statistics:
    """The statistics of a period."""

    since: datetime
    before: datetime
    funnel: Sequence[Stage]
    got_through: Share
    times: Times
    days: Sequence[DayResults]
    ended: Mapping[str, int]
    not_compared: Share
    claims: Sequence[ClaimNumbers]
    refused: Mapping[str, int]
    dead_deliveries: Mapping[str, int]
    counted_at: datetime | None = None


@frozen
class Period:
    """A period: whole days, from the first to the last, or the time since an hour of yesterday began."""

    since: datetime
    before: datetime
    is_of_days: bool = True

    @property
    def days(self) -> list[date]:
        """The days of the period; none if it does not consist of days."""
        number = (self.before - self.since).days if self.is_of_days else 0
        return [self.since.date() + timedelta(days=at) for at in range(number)]

    @property
    def previous(self) -> Period:
        """The period before it, of the same number of days or of 24 hours."""
        length = self.before - self.since if self.is_of_days else timedelta(days=1)
        return Period(self.since - length, self.since, self.is_of_days)


def summary(numbers: Numbers, period: Period, today: date, counted_at: datetime | None = None) -> Statistics:
    """Return the numbers of a period from its counts."""
    by_measure = numbers.by_measure()
    seconds, approved = by_measure[Measure.SECONDS], _by_claim(by_measure[Measure.ATTRIBUTE_APPROVED])
    started = by_measure[Measure.STARTED].total() - _young(numbers, period, today)
    return Statistics(
        since=period.since,
        before=period.before,
        funnel=list(_funnel(by_measure)),
        got_through=Share(by_measure[Measure.VERIFIED].total(), started),
        times=Times(seconds.total(), _quantile(seconds, 0.5), _quantile(seconds, 0.9)),
        days=list(_results(numbers, period.days)),
        ended=_falling(by_measure[Measure.ENDED]),
        not_compared=_not_compared(approved.values()),
        claims=list(_claims(by_measure, approved)),
        refused=_falling(by_measure[Measure.REFUSED]),
        dead_deliveries=_falling(by_measure[Measure.DEAD]),
        counted_at=counted_at,
    )


def _funnel(by_measure: Mapping[str, Counter[str]]) -> Iterator[Stage]:
    """Yield the stages; that of captures only if the time of one is known at all."""
    is_capture_known = by_measure[Measure.CAPTURED][RECORDED] > 0
    stages = (Measure.STARTED, Measure.RUN, Measure.CAPTURED, Measure.RESULT, Measure.APPROVED, Measure.ALL_VERIFIED)
    for measure in stages:
        if measure is not Measure.CAPTURED or is_capture_known:
            yield Stage(measure, by_measure[measure].total())


def _young(numbers: Numbers, period: Period, today: date) -> int:
    """Return the number of open verifications that were started today or yesterday: they may still get through."""
    key = key_of(Measure.STARTED, OPEN)
    if not period.is_of_days:
        return numbers.totals.get(key, 0)
    first = max(0, (today - timedelta(days=1) - period.since.date()).days)
    return sum(numbers.lines.get(key, [])[first:])


def _quantile(histogram: Mapping[str, int], part: float) -> int | None:
    """Return the duration below which a part of all lies, from the middle of its bucket."""
    passed, rank = 0, sum(histogram.values()) * part
    for bucket, n in sorted((int(bucket), n) for bucket, n in histogram.items()):
        passed += n
        if passed >= rank:
            return round(math.exp((bucket + 0.5) * GROWTH))
    return None


def _results(numbers: Numbers, days: Sequence[date]) -> Iterator[DayResults]:
    """Yield the numbers of each day."""
    started, verified, dead_deliveries = (
        numbers.line_of(measure, len(days)) for measure in (Measure.STARTED, Measure.VERIFIED, Measure.DEAD)
    )
    ended = numbers.lines_of(Measure.ENDED)
    by_day = zip(*ended.values(), strict=True) if ended else repeat((), len(days))
    for day, begun, statuses, proven, dead in zip(days, started, by_day, verified, dead_deliveries, strict=True):
        yield DayResults(day, begun, _falling(dict(zip(ended, statuses, strict=True))), proven, dead)


def _by_claim(buckets: Mapping[str, int]) -> dict[str, Counter[str]]:
    claims: dict[str, Counter[str]] = defaultdict(Counter)
    for bucket, n in buckets.items():
        uri, _, result = bucket.rpartition(SEPARATOR)
        claims[uri][result] += n
    return claims


def _not_compared(results: Iterable[Counter[str]]) -> Share:
    counters = list(results)
    return Share(sum(each[Comparison.NOT_COMPARED] for each in counters), sum(each.total() for each in counters))


def _claims(by_measure: Mapping[str, Counter[str]], approved: Mapping[str, Counter[str]]) -> Iterator[ClaimNumbers]:
    verified = by_measure[Measure.ATTRIBUTE_VERIFIED]
    for uri, results in sorted(_by_claim(by_measure[Measure.ATTRIBUTE]).items()):
        of_approved = _not_compared([approved.get(uri, Counter())])
        yield ClaimNumbers(uri, _falling(results), Share(verified[uri], results.total()), of_approved)


def _falling(counter: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers that are not 0, the largest first."""
    positive = sorted((-n, name) for name, n in counter.items() if n)
    return {name: -n for n, name in positive}
