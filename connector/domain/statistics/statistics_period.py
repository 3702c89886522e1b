"""The period of statistics, read from the parameters that the API's query and the command line share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from connector.domain.environment import LIVE, SANDBOX
from connector.domain.messages import message
from connector.domain.statistics.counting import bounds
from connector.domain.statistics.hour_counts import HOURS as HOURS_OF_DAY
from connector.domain.statistics.hour_counts import hour_of
from connector.domain.statistics.statistics import Period
from connector.errors import InvalidQuery

HOURS = "24h"
DAYS = {"14d": 14, "90d": 90}
PERIODS = (HOURS, *DAYS)
ALL = "all"
ENVIRONMENTS = (LIVE, SANDBOX, ALL)
MOST_DAYS = 366
FIRST_DAY = date(2000, 1, 1)  # long before any verification; the period before it exists as well
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_period(query: Mapping[str, str | None], now: datetime) -> Period:
    """Read `period`, or `from` and `to`, which are UTC days, both included; by default the last 14 days.

    `24h` are 24 whole hours and the current one.

    Raises `InvalidQuery` naming the invalid parameter.
    """
    name, first, last = query["period"], query["from"], query["to"]
    today = now.astimezone(UTC).date()
    if first is None and last is None:
        return _named("14d" if name is None else name, now, today)
    if name is not None:
        raise InvalidQuery("period", message("must not be given together with `from` and `to`"))
    return _between(_day("from", first), today if last is None else _day("to", last))


def read_environment(text: str | None) -> str | None:
    """Read the environment; raises `InvalidQuery` for an unknown one."""
    if text is not None and text not in ENVIRONMENTS:
        raise InvalidQuery(
            "environment",
            message(
                "must be one of %(environments)s, not %(part)s",
                environments=", ".join(ENVIRONMENTS),
                part=text or "(nothing)",
            ),
        )
    return text


def _named(name: str, now: datetime, today: date) -> Period:
    if name == HOURS:
        return Period(hour_of(now - timedelta(hours=HOURS_OF_DAY)), now, is_of_days=False)
    if name not in DAYS:
        raise InvalidQuery(
            "period",
            message("must be one of %(periods)s, not %(part)s", periods=", ".join(PERIODS), part=name or "(nothing)"),
        )
    return _of_days(today - timedelta(days=DAYS[name] - 1), today)


def _between(first: date, last: date) -> Period:
    if first > last:
        raise InvalidQuery("from", message("must not be after `to`"))
    if (last - first).days >= MOST_DAYS:
        raise InvalidQuery("from", message("must be at most %(part)s days before `to`", part=MOST_DAYS - 1))
    return _of_days(first, last)


def _of_days(first: date, last: date) -> Period:
    return Period(bounds(first)[0], bounds(last)[1])


def _day(name: str, text: str | None) -> date:
    try:
        read = date.fromisoformat(text if text is not None and _DATE.fullmatch(text) else "")
    except ValueError as error:
        raise InvalidQuery(name, message("must be a date of ISO 8601, such as 2026-01-31")) from error
    if not FIRST_DAY <= read < date.max:
        raise InvalidQuery(name, message("must be from %(first)s on, and before 9999-12-31", first=str(FIRST_DAY)))
    return read
