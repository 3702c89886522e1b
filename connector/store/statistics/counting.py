"""Counting verifications, refused starts and deliveries of a period, from their rows.

Each statement reads a range of an index: of the starts, or of the ends, of some providers. The database groups rows
with the same outcome in the same hour, so that it returns only one row per group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, TextClause, and_, case, func, literal, null, select, text

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

Counted = Counter[tuple[str, str, str, str, str, int]]
HOUR = 3_600  # seconds


@frozen
class Window:
    """A half open period."""

    since: datetime
    before: datetime

    def has(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that a time is in it."""
        return and_(column >= self.since, column < self.before)

    def hour_of(self, column: ColumnElement[Any]) -> ColumnElement[int]:
        """Return the number of whole hours from its beginning to a time."""
        return seconds_between(literal(self.since, UtcDateTime()), column) // HOUR


def count_verifications(connection: Connection, provider_ids: Collection[str], window: Window) -> list[Count]:
    """Count the verifications with some providers that were started, and those that ended, in a period."""
    counted: Counted = Counter()
    of_providers = verifications.c.provider_id.in_(provider_ids)
    for tenant, provider_id, environment, hour, *fate, n in connection.execute(_started(of_providers, window)):
        for measure, bucket in Cohort(*fate).counted():
            counted[tenant, provider_id, environment, measure, bucket, hour] += n
    for *place, hour, status, seconds, n in connection.execute(_ended(of_providers, window)):
        tenant, provider_id, environment = place
        counted[tenant, provider_id, environment, Measure.ENDED, status, hour] += n
        if seconds is not None:
            counted[tenant, provider_id, environment, Measure.SECONDS, seconds_bucket(seconds), hour] += n
    for *place, hour, uri, result, is_verified, status, n in connection.execute(_attributes(of_providers, window)):
        tenant, provider_id, environment = place
        for measure, bucket in _of_attribute(uri, result, is_verified=is_verified, is_approved=status == APPROVED):
            counted[tenant, provider_id, environment, measure, bucket, hour] += n
    return _counts(counted)


def count_others(connection: Connection, window: Window, *, has_refused: bool = True) -> list[Count]:
    """Count the refused starts and the dead deliveries of a period."""
    counted: Counted = Counter()
    statements = {Measure.DEAD: _dead(window)}
    if has_refused:
        statements[Measure.REFUSED] = _refused(window)
    for measure, statement in statements.items():
        for tenant, provider_id, environment, hour, bucket, n in connection.execute(statement):
            counted[tenant, provider_id, environment, measure, bucket, hour] += n
    return _counts(counted)


def _started(of_providers: ColumnElement[bool], window: Window) -> Select[Any]:
    columns = (
        *_PLACE,
        window.hour_of(verifications.c.created_at),
        *(verifications.c.status, verifications.c.decision, verifications.c.closed_at.is_(None)),
        *(verifications.c.run_id.is_not(None), verifications.c.captured_at.is_not(None), _VERIFIED),
    )
    named = [column.label(f"column_{at}") for at, column in enumerate(columns)]
    each = select(*named).where(of_providers, window.has(verifications.c.created_at)).subquery()
    return select(*each.c, func.count()).group_by(*each.c)


def _ended(of_providers: ColumnElement[bool], window: Window) -> Select[Any]:
    has_result = verifications.c.status.in_(sorted(DECIDED_STATUSES))
    taken = seconds_between(verifications.c.created_at, verifications.c.completed_at)
    hour = window.hour_of(verifications.c.closed_at)
    columns = (*_PLACE, hour, verifications.c.status, case((has_result, taken), else_=null()))
    return _grouped(columns, of_providers, window.has(verifications.c.closed_at))


def _attributes(of_providers: ColumnElement[bool], window: Window) -> Select[Any]:
    claims = verification_claims.c
    hour = window.hour_of(verifications.c.closed_at)
    columns = (*_PLACE, hour, claims.uri, claims.result, claims.is_verified, verifications.c.status)
    joined = (claims.verification_id == verifications.c.id, claims.result.is_not(None))
    return _grouped(columns, of_providers, window.has(verifications.c.closed_at), *joined)


def _refused(window: Window) -> Select[Any]:
    known = (providers.c.id == history.c.provider_id) & (providers.c.tenant == history.c.tenant)
    columns = (history.c.tenant, *_OF_PROVIDER, window.hour_of(history.c.at), history.c.current)
    return _grouped(columns, text(IS_REFUSED), window.has(history.c.at)).select_from(
        history.outerjoin(providers, known)
    )


def _dead(window: Window) -> Select[Any]:
    known = (providers.c.id == outbox.c.provider_id) & (providers.c.tenant == outbox.c.tenant)
    columns = (outbox.c.tenant, *_OF_PROVIDER, window.hour_of(outbox.c.settled_at), outbox.c.kind)
    where = (is_in(DEAD), outbox.c.tenant.is_not(None), window.has(outbox.c.settled_at))
    return _grouped(columns, *where).select_from(outbox.outerjoin(providers, known))


def _grouped(columns: Sequence[ColumnElement[Any]], *where: ColumnElement[bool] | TextClause) -> Select[Any]:
    """Return the statement that counts rows with equal values in these columns."""
    named = [column.label(f"column_{at}") for at, column in enumerate(columns)]
    return select(*named, func.count(literal(1))).where(*where).group_by(*(text(each.name) for each in named))


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
