"""Statements for administrators: lists, the result of a finished verification, decisions on reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, TextClause, and_, func, null, select, text, update

from connector.domain.studio.workflow_run import REVIEW
from connector.domain.verifications.verification import AWAITED_DECISION, NO_DECISION, Verification, VerificationFilter
from connector.store import pages
from connector.store.free_rows import lock_free
from connector.store.models import providers, verification_claims, verification_tags, verifications
from connector.store.models.conditions import IS_AWAITED, IS_DECIDED, IS_UNDECIDED, NEEDS_REVIEW
from connector.store.pages import Branch, Order, Position, unindexed
from connector.store.verifications.verifications import IS_OPEN, IS_THERE, SELECT, one, read_row

# Without the kept output of each run, which may be a megabyte. Lists add the condition that the provider exists.
LISTED = select(
    *(null().label(each.name) if each.name in ("result", "document") else each for each in SELECT.selected_columns)
).select_from(verifications)
# The conditions of partial indexes, as text: as a Boolean, SQLite would be asked whether it is 1.
_NEEDS_REVIEW, _IS_UNDECIDED = text(f"({NEEDS_REVIEW})"), text(f"({IS_UNDECIDED})")
_IS_DECIDED, _IS_AWAITED = text(f"({IS_DECIDED})"), text(f"({IS_AWAITED})")


def find(connection: Connection, tenant: str, run_id: str, provider_id: str | None = None) -> Verification | None:
    """Return the tenant's verification with this id or run, with one provider or any."""
    statement = SELECT.where(
        unindexed(verifications.c.tenant) == tenant,
        (verifications.c.run_id == run_id) | (verifications.c.id == run_id),
    )
    if provider_id is not None:
        statement = statement.where(unindexed(verifications.c.provider_id) == provider_id)
    return one(connection, statement.limit(1))


def find_page(
    connection: Connection,
    tenant: str,
    criteria: VerificationFilter,
    *,
    limit: int,
    offset: int = 0,
    after: Position | None = None,
    is_rising: bool = False,
) -> list[Verification]:
    """Return a page of the tenant's verifications, the latest first by default, without their results and documents.

    It starts after the position `after`, if one is given.
    """
    order = Order(verifications.c.created_at, verifications.c.id, is_rising)
    branches = _branches(connection, tenant, criteria, order)
    if not branches:
        return []
    statement = pages.page(LISTED, order, branches, limit=limit, offset=offset, after=after)
    return [read_row(row) for row in connection.execute(statement)]


def count(connection: Connection, tenant: str, criteria: VerificationFilter, most: int) -> int:
    """Return the number of matching verifications of the tenant, up to `most`."""
    order = Order(verifications.c.created_at, verifications.c.id)
    branches = _branches(connection, tenant, criteria, order)
    return int(connection.execute(pages.count(branches, most)).scalar_one()) if branches else 0


def is_any(connection: Connection, tenant: str, criteria: VerificationFilter, within: int) -> bool:
    """Whether a verification matches, of those that are first by the most selective filter; others are not read."""
    order = Order(verifications.c.created_at, verifications.c.id)
    branches = _branches(connection, tenant, criteria, order)
    return bool(branches and connection.execute(pages.is_any(branches, within)).scalar_one())


def find_latest_of_user(connection: Connection, tenant: str, user_id: str) -> dict[str, Verification]:
    """Return a user's latest verification with each provider, by the providers' ids, with its kept result."""
    of_user = (verifications.c.tenant == tenant, verifications.c.user_id == user_id, IS_THERE)
    statement = SELECT.where(verifications.c.id.in_(latest_of_each(verifications.c.provider_id, *of_user)))
    return {verification.provider_id: verification for verification in map(read_row, connection.execute(statement))}


def latest_of_each(column: Column[str], *conditions: ColumnElement[bool]) -> Select[str]:
    """Select the ids of the latest verifications that meet some conditions, one for each value of a column.

    PostgreSQL ranks them once: it expects few rows, and would otherwise do it again for each of thousands.
    """
    latest_first = (verifications.c.created_at.desc(), verifications.c.id.desc())
    place = func.row_number().over(partition_by=column, order_by=latest_first)
    ranked = select(verifications.c.id, place.label("place")).where(*conditions).cte("ranked")
    ranked = ranked.prefix_with("MATERIALIZED", dialect="postgresql")
    return select(ranked.c.id).where(ranked.c.place == 1)


def find_comparisons(connection: Connection, verification_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return each verification's results for its claims, by the verifications' ids; empty if there are none."""
    comparisons: dict[str, dict[str, str]] = {verification_id: {} for verification_id in verification_ids}
    columns = (verification_claims.c[name] for name in ("verification_id", "uri", "result"))
    statement = select(*columns).where(verification_claims.c.verification_id.in_(verification_ids))
    for verification_id, uri, result in connection.execute(statement.order_by(verification_claims.c.uri)):
        comparisons[verification_id][uri] = result or ""
    return comparisons


def find_results(connection: Connection, verification_ids: Sequence[str]) -> dict[str, str]:
    """Return the encrypted kept results of verifications, by their ids."""
    statement = select(verifications.c.id, verifications.c.result)
    statement = statement.where(verifications.c.id.in_(verification_ids), verifications.c.result.is_not(None))
    return {row.id: row.result for row in connection.execute(statement)}


def find_tags(connection: Connection, verification_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the tags of verifications, by their ids."""
    tags: dict[str, list[str]] = {verification_id: [] for verification_id in verification_ids}
    statement = select(verification_tags).where(verification_tags.c.verification_id.in_(verification_ids))
    for row in connection.execute(statement.order_by(verification_tags.c.tag)):
        tags[row.verification_id].append(row.tag)
    return tags


def find_latest(connection: Connection, verification: Verification) -> str:
    """Return the id of the user's latest verification with the provider that has a run, or may get one."""
    statement = select(verifications.c.id).where(*_of_same_user(verification))
    return str(connection.execute(statement.order_by(verifications.c.created_at.desc()).limit(1)).scalar_one())


def find_later(connection: Connection, verification: Verification) -> Verification | None:
    """Return that verification if it was started later than this one."""
    is_later = verifications.c.created_at > verification.created_at
    statement = LISTED.where(*_of_same_user(verification), is_later)
    return one(connection, statement.order_by(verifications.c.created_at.desc()).limit(1))


def _of_same_user(verification: Verification) -> tuple[ColumnElement[bool], ...]:
    return (
        verifications.c.tenant == verification.tenant,
        verifications.c.user_id == verification.user_id,
        unindexed(verifications.c.provider_id) == verification.provider_id,
        verifications.c.run_id.is_not(None) | verifications.c.closed_at.is_(None),
    )


def decide(connection: Connection, verification_id: str, decision: str, now: datetime) -> bool:
    """Record an administrator's decision on a run in review; False if there is one already."""
    statement = update(verifications).where(
        verifications.c.id == verification_id,
        verifications.c.status == REVIEW,
        verifications.c.decision.is_(None),
    )
    return connection.execute(statement.values(decision=decision, updated_at=now)).rowcount == 1


def keep(connection: Connection, verification_id: str, values: Mapping[str, Any]) -> None:
    """Write the kept output of a run that has ended."""
    connection.execute(update(verifications).where(verifications.c.id == verification_id).values(dict(values)))


def forget_results(connection: Connection, closed_before: datetime, limit: int) -> int:
    """Remove the kept output of some runs whose retention has ended; return their number."""
    has_result = verifications.c.result.is_not(None) | verifications.c.document.is_not(None)
    statement = select(verifications.c.id).where(verifications.c.closed_at < closed_before, has_result)
    old = lock_free(connection, statement.order_by(verifications.c.closed_at).limit(limit))
    if old:
        connection.execute(
            update(verification_claims)
            .where(verification_claims.c.verification_id.in_(old), verification_claims.c.output_value.is_not(None))
            .values(output_value=None)
        )
        connection.execute(update(verifications).where(verifications.c.id.in_(old)).values(result=None, document=None))
    return len(old)


def _branches(connection: Connection, tenant: str, criteria: VerificationFilter, order: Order) -> list[Branch]:
    """Return the branches of a list, by the most selective of its filters; the others are checked row by row."""
    if criteria.user_id is not None:
        return [_of_user(tenant, criteria.user_id, criteria, order)]
    provider_ids = [criteria.provider_id] if criteria.provider_id is not None else _provider_ids(connection, tenant)
    return [branch for each in provider_ids for branch in _of_provider(tenant, each, criteria, order)]


def _of_provider(tenant: str, provider_id: str, criteria: VerificationFilter, order: Order) -> list[Branch]:
    """Return the branches of one provider: by tag, claim, one of the other filters, or all of it."""
    if criteria.tag is not None:
        return [_tagged(tenant, provider_id, criteria.tag, criteria, order)]
    if criteria.claim is not None:
        return [_with_result(tenant, provider_id, criteria, order)]
    provider, tenants = verifications.c.provider_id == provider_id, verifications.c.tenant == tenant
    scope = (provider, tenants, *_period(criteria, order))
    name, driving = _driving(criteria)
    others = list(_others(criteria, name))
    return [Branch(order, [*each, *scope], others) for each in driving]


def _driving(criteria: VerificationFilter) -> tuple[str, Sequence[Sequence[ColumnElement[bool] | TextClause]]]:
    """Return the name of the most selective filter that has an index of verifications, and its conditions."""
    if criteria.needs_review:
        return "needs_review", [[_NEEDS_REVIEW]]
    if criteria.decision == AWAITED_DECISION:
        return "decision", [[_IS_AWAITED]]
    if criteria.decision not in (None, NO_DECISION):
        return "decision", [[_IS_DECIDED, verifications.c.decision == criteria.decision]]
    if criteria.statuses:
        return "statuses", [[_has_status(status, criteria)] for status in criteria.statuses]
    for name in ("environment", "capture"):
        if (value := getattr(criteria, name)) is not None:
            return name, [[verifications.c[name] == value]]
    return "", [[]]


def _has_status(status: str, criteria: VerificationFilter) -> ColumnElement[bool] | TextClause:
    """Return the condition for a status; of the many in review, the few without a decision have an index."""
    is_undecided = status == REVIEW and criteria.decision == NO_DECISION
    return _IS_UNDECIDED if is_undecided else verifications.c.status == status


def _provider_ids(connection: Connection, tenant: str) -> Sequence[str]:
    return connection.execute(select(providers.c.id).where(providers.c.tenant == tenant)).scalars().all()


def _of_user(tenant: str, user_id: str, criteria: VerificationFilter, order: Order) -> Branch:
    conditions = [verifications.c.tenant == tenant, verifications.c.user_id == user_id, IS_THERE]
    if criteria.provider_id is not None:
        conditions.append(unindexed(verifications.c.provider_id) == criteria.provider_id)
    return Branch(order, [*conditions, *_period(criteria, order)], [*_others(criteria)])


def _tagged(tenant: str, provider_id: str, tag: str, criteria: VerificationFilter, order: Order) -> Branch:
    tagged = Order(verification_tags.c.created_at, verification_tags.c.verification_id, order.is_rising)
    conditions = [
        verification_tags.c.provider_id == provider_id,
        verification_tags.c.tag == tag,
        verifications.c.id == verification_tags.c.verification_id,
        verifications.c.tenant == tenant,
    ]
    return Branch(tagged, [*conditions, *_period(criteria, tagged)], [*_others(criteria, "tag")])


def _with_result(tenant: str, provider_id: str, criteria: VerificationFilter, order: Order) -> Branch:
    claims = verification_claims.c
    by_result = Order(claims.created_at, claims.verification_id, order.is_rising)
    conditions = [
        claims.provider_id == provider_id,
        claims.uri == criteria.claim,
        claims.result == criteria.result,
        verifications.c.id == claims.verification_id,
        verifications.c.tenant == tenant,
    ]
    return Branch(by_result, [*conditions, *_period(criteria, by_result)], [*_others(criteria, "claim")])


def _others(criteria: VerificationFilter, driving: str = "") -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of the filters that are checked row by row: all except the one that selects the branch."""
    for name, condition in _CHECKED.items():
        if name != driving and getattr(criteria, name):
            yield condition(criteria)


def _has_tag(criteria: VerificationFilter) -> ColumnElement[bool]:
    has_tag = (verification_tags.c.verification_id == verifications.c.id, verification_tags.c.tag == criteria.tag)
    return select(verification_tags.c.tag).where(*has_tag).exists()


def _has_result(criteria: VerificationFilter) -> ColumnElement[bool]:
    claims = verification_claims.c
    said = (claims.uri == criteria.claim, unindexed(claims.result) == criteria.result)
    return select(claims.uri).where(claims.verification_id == verifications.c.id, *said).exists()


def _needs_review(_: VerificationFilter) -> ColumnElement[bool]:
    is_undecided = and_(unindexed(verifications.c.status) == REVIEW, verifications.c.decision.is_(None))
    return and_(is_undecided, verifications.c.replaced_at.is_(None))


def _has_decision(criteria: VerificationFilter) -> ColumnElement[bool]:
    if criteria.decision == AWAITED_DECISION:
        return and_(verifications.c.decision_awaited_at.is_not(None), IS_OPEN)
    is_none = criteria.decision == NO_DECISION
    return verifications.c.decision.is_(None) if is_none else unindexed(verifications.c.decision) == criteria.decision


_CHECKED: dict[str, Callable[[VerificationFilter], ColumnElement[bool]]] = {
    "statuses": lambda criteria: unindexed(verifications.c.status).in_(criteria.statuses),
    "tag": _has_tag,
    "claim": _has_result,
    "needs_review": _needs_review,
    "environment": lambda criteria: unindexed(verifications.c.environment) == criteria.environment,
    "decision": _has_decision,
    "capture": lambda criteria: unindexed(verifications.c.capture) == criteria.capture,
}


def _period(criteria: VerificationFilter, order: Order) -> Iterator[ColumnElement[bool]]:
    if criteria.created_from is not None:
        yield order.at >= criteria.created_from
    if criteria.created_before is not None:
        yield order.at < criteria.created_before
