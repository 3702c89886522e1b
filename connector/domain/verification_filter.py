"""The filter of verifications, read from the parameters that the API's query and the command line share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from connector.domain.verification import VerificationFilter
from connector.domain.workflow_run import (
    ABANDONED,
    APPROVED,
    AWAITING_INPUT,
    DECLINED,
    ERROR,
    PROCESSING,
    REVIEW,
    STARTING,
)
from connector.errors import InvalidQuery

STATUSES = (
    *(STARTING, PROCESSING, AWAITING_INPUT, "awaiting_client_input"),
    *(APPROVED, DECLINED, REVIEW, ABANDONED, ERROR),
)
FROM, TO = "from", "to"
RISING, FALLING = "asc", "desc"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?P<time>[T ][\d:.,+Z-]+)?", re.ASCII)  # no weeks and the like


def read_filter(query: Mapping[str, str | None], *, provider_id: str | None = None) -> VerificationFilter:
    """Read `status` (names joined by commas), `userId`, `tag`, `from` and `to`; None means any.

    `from` and `to` are dates or date-times; a time without a zone is UTC's. The day of a bare date `to` belongs to the
    period, the moment of a date-time `to` does not. Raises `InvalidQuery` naming what cannot be read.
    """
    since, before = read_period(query[FROM], query[TO])
    return VerificationFilter(
        provider_id=provider_id,
        user_id=query["userId"],
        statuses=_statuses(query["status"]),
        tag=query["tag"],
        created_from=since,
        created_before=before,
    )


def read_period(since: str | None, before: str | None) -> tuple[datetime | None, datetime | None]:
    """Read a half open period from two dates or date-times; raise `RequestError` naming the one that cannot be read."""
    return _moment(FROM, since), _moment(TO, before, added_to_date=timedelta(days=1))


def _statuses(text: str | None) -> tuple[str, ...]:
    names = [] if text is None else [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - set(STATUSES)):
        wrong = ", ".join(name or "(nothing)" for name in unknown)
        raise InvalidQuery("status", f"must be of {', '.join(STATUSES)}, not {wrong}")
    return tuple(dict.fromkeys(names))


def _moment(name: str, text: str | None, added_to_date: timedelta = timedelta()) -> datetime | None:
    if text is None:
        return None
    read = _MOMENT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(text if read else "")
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        return moment if read and read["time"] else moment + added_to_date
    except (ValueError, OverflowError) as error:
        why = "must be a date or date-time of ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00+01:00"
        raise InvalidQuery(name, why) from error
