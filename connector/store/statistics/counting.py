"""Counting verifications, refused starts and deliveries of a period, from their rows.

Each statement reads a range of an index: of the starts, or of the ends, of some providers. The database groups rows
with the same outcome in the same hour, so that it returns only one row per group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Label,
    Select,
    TextClause,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    text,
)

from connector.domain.frozen import frozen
from connector.domain.statistics.hour_counts import HOURS
from connector.domain.statistics.measures import Count, Measure
from connector.domain.statistics.statistics import Cohort, attribute_bucket, seconds_bucket
from connector.domain.studio.workflow_run import APPROVED, DECIDED_STATUSES
from connector.store.deliveries.outbox import DEAD, is_in
from connector.store.dialect import seconds_between
from connector.store.models import history, outbox, providers, verification_claims, verifications
from connector.store.models.conditions import IS_REFUSED
from connector.store.times import UtcDateTime

# How many of a verification's claims are verified, 0: none, 1: some, 2: all. As a value and not a condition, because
# PostgreSQL might evaluate a condition by reading all claims at once.
_flag = case((verification_claims.c.is_verified.is_(True), 1), else_=0)
_VERIFIED = (
    select(func.coalesce(func.min(_flag) + func.max(_flag), 0))
    .where(verification_claims.c.verification_id == verifications.c.id)
    .correlate(verifications)
    .scalar_subquery()
)
_PLACE = (verifications.c.tenant, verifications.c.provider_id, func.coalesce(verifications.c.environment, ""))
_OF_PROVIDER = (func.coalesce(providers.c.id, ""), func.coalesce(providers.c.environment, ""))
_SINCE, _BEFORE = (bindparam(name, type_=UtcDateTime()) for name in ("since", "before"))
_OF_PROVIDERS = verifications.c.provider_id.in_(bindparam("provider_ids", expanding=True))
HOUR = 3_600  # seconds

Counted = Counter[tuple[str, str, str, str, str, int]]


def _in_window(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a time is in the period."""
    return and_(column >= _SINCE, column < _BEFORE)


def _hour_of(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the number of whole hours from the beginning of the period to a time."""
    return seconds_between(_SINCE, column) // HOUR


def _named(columns: Sequence[ColumnElement[Any]]) -> list[Label[Any]]:
    return [column.label(f"column_{at}") for at, column in enumerate(columns)]


def _grouped(columns: Sequence[ColumnElement[Any]], *where: ColumnElement[bool] | TextClause) -> Select[Any]:
    """Return the statement that counts rows with equal values in these columns."""
    named = _named(columns)
    return select(*named, func.count(literal(1))).where(*where).group_by(*(text(each.name) for each in named))


def _started() -> Select[Any]:
    columns = (
        *_PLACE,
        _hour_of(verifications.c.created_at),
        *(verifications.c.status, verifications.c.decision, verifications.c.closed_at.is_(None)),
        *(verifications.c.run_id.is_not(None), verifications.c.captured_at.is_not(None), _VERIFIED),
    )
    each = select(*_named(columns)).where(_OF_PROVIDERS, _in_window(verifications.c.created_at)).subquery()
    return select(*each.c, func.count()).group_by(*each.c)


def _ended() -> Select[Any]:
    has_result = verifications.c.status.in_(sorted(DECIDED_STATUSES))
    taken = seconds_between(verifications.c.created_at, verifications.c.completed_at)
    hour = _hour_of(verifications.c.closed_at)
    columns = (*_PLACE, hour, verifications.c.status, case((has_result, taken), else_=null()))
    return _grouped(columns, _OF_PROVIDERS, _in_window(verifications.c.closed_at))


def _attributes() -> Select[Any]:
    claims = verification_claims.c
    hour = _hour_of(verifications.c.closed_at)
    columns = (*_PLACE, hour, claims.uri, claims.result, claims.is_verified, verifications.c.status)
    joined = (claims.verification_id == verifications.c.id, claims.result.is_not(None))
    return _grouped(columns, _OF_PROVIDERS, _in_window(verifications.c.closed_at), *joined)


def _refused() -> Select[Any]:
    known = (providers.c.id == history.c.provider_id) & (providers.c.tenant == history.c.tenant)
    columns = (history.c.tenant, *_OF_PROVIDER, _hour_of(history.c.at), history.c.current)
    return _grouped(columns, text(IS_REFUSED), _in_window(history.c.at)).select_from(
        history.outerjoin(providers, known)
    )


def _dead() -> Select[Any]:
    known = (providers.c.id == outbox.c.provider_id) & (providers.c.tenant == outbox.c.tenant)
    columns = (outbox.c.tenant, *_OF_PROVIDER, _hour_of(outbox.c.settled_at), outbox.c.kind)
    where = (is_in(DEAD), outbox.c.tenant.is_not(None), _in_window(outbox.c.settled_at))
    return _grouped(columns, *where).select_from(outbox.outerjoin(providers, known))


# Built once: building one takes longer than the database takes for a usual day.
_STARTED, _ENDED, _ATTRIBUTES, _REFUSED, _DEAD = _started(), _ended(), _attributes(), _refused(), _dead()


@frozen
class Window:
    """A half open period."""

    since: datetime
    before: datetime

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the statements."""
        return {"since": self.since, "before": self.before}


def count_verifications(connection: Connection, provider_ids: Collection[str], window: Window) -> list[Count]:
    """Count the verifications with some providers that were started, and those that ended, in a period."""
    counted: Counted = Counter()
    given = window.parameters() | {"provider_ids": list(provider_ids)}
    for tenant, provider_id, environment, hour, *fate, n in connection.execute(_STARTED, given):
        for measure, bucket in Cohort(*fate).counted():
            counted[tenant, provider_id, environment, measure, bucket, hour] += n
    for *place, hour, status, seconds, n in connection.execute(_ENDED, given):
        tenant, provider_id, environment = place
        counted[tenant, provider_id, environment, Measure.ENDED, status, hour] += n
        if seconds is not None:
            counted[tenant, provider_id, environment, Measure.SECONDS, seconds_bucket(seconds), hour] += n
    for *place, hour, uri, result, is_verified, status, n in connection.execute(_ATTRIBUTES, given):
        tenant, provider_id, environment = place
        for measure, bucket in _of_attribute(uri, result, is_verified=is_verified, is_approved=status == APPROVED):
            counted[tenant, provider_id, environment, measure, bucket, hour] += n
    return _counts(counted)


def count_others(connection: Connection, window: Window, *, has_refused: bool = True) -> list[Count]:
    """Count the refused starts and the dead deliveries of a period."""
    counted: Counted = Counter()
    statements = {Measure.DEAD: _DEAD} | ({Measure.REFUSED: _REFUSED} if has_refused else {})
    for measure, statement in statements.items():
        for tenant, provider_id, environment, hour, bucket, n in connection.execute(statement, window.parameters()):
            counted[tenant, provider_id, environment, measure, bucket, hour] += n
    return _counts(counted)


def _of_attribute(
    uri: str, result: str, *, is_verified: bool | None, is_approved: bool
) -> Iterator[tuple[Measure, str]]:
    yield Measure.ATTRIBUTE, attribute_bucket(uri, result)
    if is_approved:
        yield Measure.ATTRIBUTE_APPROVED, attribute_bucket(uri, result)
    if is_verified:
        yield Measure.ATTRIBUTE_VERIFIED, uri


def _counts(counted: Counted) -> list[Count]:
    return [Count(*key[:-1], n, min(key[-1], HOURS - 1)) for key, n in counted.items()]
