"""The filter of verifications, read from the parameters that the API's query and the command line share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connector.domain.claims import DIFFERS, RUN_GONE, VALUE_CHANGED
from connector.domain.environment import LIVE, SANDBOX
from connector.domain.messages import message
from connector.domain.studio.capture import LINK, SDK
from connector.domain.studio.workflow_run import (
    ABANDONED,
    APPROVED,
    AWAITING_CLIENT_INPUT,
    AWAITING_INPUT,
    DECLINED,
    ERROR,
    PROCESSING,
    REVIEW,
    STARTING,
    Comparison,
)
from connector.domain.verifications.verification import AWAITED_DECISION, NO_DECISION, VerificationFilter
from connector.errors import InvalidQuery

STATUSES = (
    *(STARTING, PROCESSING, AWAITING_INPUT, AWAITING_CLIENT_INPUT),
    *(APPROVED, DECLINED, REVIEW, ABANDONED, ERROR),
)
ENVIRONMENTS = (SANDBOX, LIVE)
DECISIONS = (APPROVED, DECLINED, NO_DECISION, AWAITED_DECISION)
CAPTURES = (SDK, LINK)
# The possible results for a claim; for a run in an environment that the provider has left, that environment.
RESULTS = (*Comparison, DIFFERS, VALUE_CHANGED, RUN_GONE, SANDBOX, LIVE)
FROM, TO = "from", "to"
RISING, FALLING = "asc", "desc"
MAX_TEXT = 255  # characters, the length of the database's columns
# excludes ISO 8601 week dates and similar formats
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?P<time>[T ][\d:.,+Z-]+)?", re.ASCII)


def read_filter(query: Mapping[str, str | None], *, provider_id: str | None = None) -> VerificationFilter:
    """Read `status` (names joined by commas), `userId`, `tag`, `environment`, `from` and `to`; None means any.

    `claim` and `result` are read together: a verification's result for that claim. `needsReview` is `true` or `false`,
    `decision` is `approved`, `declined`, `none`, or `awaited` (at Onfido), and `capture` is `sdk` or `link`.
    `from` and `to` are dates or date-times; a time without a zone is UTC. The day of a date in `to` is included, the
    moment of a date-time in `to` is not. Raises `InvalidQuery` naming the invalid parameter.
    """
    since, before = read_period(query[FROM], query[TO])
    return VerificationFilter(
        provider_id=provider_id,
        user_id=read_text("userId", query["userId"]),
        statuses=_statuses(query["status"]),
        tag=read_text("tag", query["tag"]),
        created_from=since,
        created_before=before,
        environment=_one_of("environment", query["environment"], ENVIRONMENTS),
        claim=read_text("claim", query["claim"]),
        result=_result(query["claim"], query["result"]),
        needs_review=_one_of("needsReview", query["needsReview"], ("true", "false")) == "true",
        decision=_one_of("decision", query["decision"], DECISIONS),
        capture=_one_of("capture", query["capture"], CAPTURES),
    )


def read_text(name: str, text: str | None) -> str | None:
    """Return a text that can be recorded with the export that it filters; raise `InvalidQuery` for a longer one."""
    if text is not None and len(text) > MAX_TEXT:
        raise InvalidQuery(name, message("must have at most %(most)s characters", most=MAX_TEXT))
    return text


def read_period(since: str | None, before: str | None) -> tuple[datetime | None, datetime | None]:
    """Read a half open period from two dates or date-times; raise `RequestError` naming the invalid one."""
    return _moment(FROM, since), _moment(TO, before, added_to_date=timedelta(days=1))


def _one_of(name: str, text: str | None, known: Sequence[str]) -> str | None:
    if text is not None and text not in known:
        raise InvalidQuery(
            name, message("must be one of %(known)s, not %(part)s", known=", ".join(known), part=text or "(nothing)")
        )
    return text


def _result(claim: str | None, result: str | None) -> str | None:
    if (claim is None) != (result is None):
        missing, given = ("claim", "result") if claim is None else ("result", "claim")
        raise InvalidQuery(missing, message("must be given together with `%(given)s`", given=given))
    return _one_of("result", result, RESULTS)


def _statuses(text: str | None) -> tuple[str, ...]:
    names = [] if text is None else [name.strip() for name in text.split(",")]
    if unknown := sorted(set(names) - set(STATUSES)):
        wrong = ", ".join(name or "(nothing)" for name in unknown)
        raise InvalidQuery(
            "status", message("must be of %(statuses)s, not %(wrong)s", statuses=", ".join(STATUSES), wrong=wrong)
        )
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
        why = message("must be a date or date-time of ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00+01:00")
        raise InvalidQuery(name, why) from error
