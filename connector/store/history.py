"""The append-only history: every change of a run's or claim's status, and every change by an administrator.

Only `connector/services/journal.py` writes it, because every change has to be announced as well. Only records of
refused requests are removed, after their retention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, or_, select, text, true

from connector.domain.audit.history import (
    AUDITED,
    READ,
    REFUSED,
    REMOVED,
    RESULT,
    RUN,
    START,
    TASK,
    USER,
    AuditFilter,
    Change,
    Entry,
    name_of,
)
from connector.store import batch, pages
from connector.store.free_rows import lock_free
from connector.store.models import history
from connector.store.models.conditions import IS_AUDITED, IS_REFUSED
from connector.store.pages import Branch, Order, Position, unindexed

_STORED = [each.name for each in fields(Change) if each.name in history.c]
_COLUMNS = [history.c[name] for name in _STORED]
# columns that differ between entries of one cause
_OWN = {"subject", "name", "previous", "current"}
_SHARED = [name for name in (*_STORED, "actor_name") if name not in _OWN]
_ENTRIES = select(history.c.id, *_COLUMNS)
_ORDER = Order(history.c.at, history.c.id)
_INSERT = insert(history)
# The conditions of the partial indexes, so that the database can use them.
_IS_AUDITED, _IS_REFUSED = text(f"({IS_AUDITED})"), text(IS_REFUSED)
_FIND_RUN = (
    select(history.c.id)
    .where(
        history.c.subject == RUN,
        history.c.name == bindparam("of_run"),
        history.c.provider_id == bindparam("of_provider"),
    )
    .limit(1)
)


Read = Callable[[ColumnElement[Any]], ColumnElement[Any]]
Filter = Callable[..., list[ColumnElement[bool]]]


def _as_it_is(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column


def append(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes."""
    batch.insert_all(connection, _INSERT, [_row(change) for change in changes], _SHARED)


def knows_run(connection: Connection, provider_id: str, run_id: str) -> bool:
    """Whether a run was ever recorded with a provider, even if it was removed since."""
    entry = connection.execute(_FIND_RUN, {"of_run": run_id, "of_provider": provider_id})
    return entry.scalar_one_or_none() is not None


def find_of_verification(connection: Connection, verification_id: str) -> list[Change]:
    """Return the changes of a verification and its claims, the oldest first.

    Readings of its result are in the audit trail alone: to look at a verification would otherwise change it.
    """
    is_look = and_(history.c.subject.in_((RESULT, TASK)), func.coalesce(history.c.current, "") == READ)
    statement = select(*_COLUMNS).where(history.c.verification_id == verification_id, ~is_look).order_by(history.c.id)
    return [Change(**row._asdict()) for row in connection.execute(statement)]


def find_audited(
    connection: Connection, tenant: str, criteria: AuditFilter, *, limit: int, after: Position | None = None
) -> list[Entry]:
    """Return audited changes of a tenant, the latest first, optionally only those after the position `after`."""
    statement = pages.page(_ENTRIES, _ORDER, _branches(tenant, criteria), limit=limit, after=after)
    rows = connection.execute(statement).mappings()
    return [Entry(row["id"], Change(**{each.name: row[each.name] for each in _COLUMNS})) for row in rows]


def is_any(connection: Connection, tenant: str, criteria: AuditFilter, within: int) -> bool:
    """Whether an audited entry matches, of those that are first by the most selective filters; others are not read."""
    return bool(connection.execute(pages.is_any(_branches(tenant, criteria), within)).scalar_one())


def find_refusals(connection: Connection, tenant: str, user_id: str, limit: int) -> list[Change]:
    """Return a user's refused starts, the latest first."""
    criteria = AuditFilter(user_id=user_id, subject=START)
    return [entry.change for entry in find_audited(connection, tenant, criteria, limit=limit)]


def find_refusals_by(
    connection: Connection, tenant: str, actor: str, subject: str, since: datetime, limit: int
) -> list[Change]:
    """Return an actor's refusals since a time, for one kind of object."""
    criteria = AuditFilter(actor=actor, subject=subject, since=since)
    return [entry.change for entry in find_audited(connection, tenant, criteria, limit=limit)]


def find_removal(connection: Connection, tenant: str, user_id: str) -> Change | None:
    """Return the latest entry of a user's removal."""
    statement = select(*_COLUMNS).where(
        history.c.tenant == tenant,
        _IS_AUDITED,
        history.c.user_id == user_id,
        unindexed(history.c.subject) == USER,
        unindexed(history.c.current) == REMOVED,
    )
    row = connection.execute(statement.order_by(history.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Change(**row._asdict())


def forget_refusals(connection: Connection, before: datetime, limit: int) -> int:
    """Remove the records of some refusals from before then, and return their number.

    Records that another transaction has locked are skipped until the next time, which avoids deadlocks.
    """
    old = select(history.c.id).where(_IS_REFUSED, history.c.at < before).order_by(history.c.at).limit(limit)
    free = lock_free(connection, old)
    return connection.execute(delete(history).where(history.c.id.in_(free))).rowcount if free else 0


def forget_refusals_of(connection: Connection, tenant: str, user_id: str) -> None:
    """Remove the records of refusals to a user, or to others for the user."""
    refused = delete(history).where(history.c.tenant == tenant, _IS_REFUSED)
    for column in (history.c.user_id, history.c.actor_name):
        connection.execute(refused.where(column == user_id))


def _row(change: Change) -> dict[str, object]:
    values = vars(change)
    row = {name: values[name] for name in _STORED} | {"actor_name": None}
    if change.cause not in AUDITED:
        return row | {"user_id": None, "address": None}
    return row | {"actor_name": None if change.actor is None else name_of(change.actor)}


def _branches(tenant: str, criteria: AuditFilter) -> list[Branch]:
    """Return the branches of a list, by the first of its filters, or two; others are checked row by row."""
    scope: list[Any] = [history.c.tenant == tenant, _IS_AUDITED, *_period(criteria)]
    given = [each for each in _FILTERS if each(criteria)]
    pair = [each(criteria)[0] for each in given[1:2] if (given[0], each) in _PAIRS]
    checked = [or_(*each(criteria, unindexed)) for each in given[1 + len(pair) :]]
    alternatives = given[0](criteria) if given else [true()]
    return [Branch(_ORDER, [each, *pair, *scope], checked) for each in alternatives]


def _of_user(criteria: AuditFilter, read: Read = _as_it_is) -> list[ColumnElement[bool]]:
    return [] if criteria.user_id is None else [read(history.c.user_id) == criteria.user_id]


def _of_object(criteria: AuditFilter, read: Read = _as_it_is) -> list[ColumnElement[bool]]:
    """Return conditions for the object. Nearly all entries of a provider may be of users: an index has the subject."""
    if criteria.name is None:
        return []
    named, of_provider, of_verification = (
        read(column) == criteria.name for column in (history.c.name, history.c.provider_id, history.c.verification_id)
    )
    subject = [read(history.c.subject) == criteria.subject] if criteria.subject is not None else []
    return [named, and_(of_provider, *subject), of_verification]


def _by_actor(criteria: AuditFilter, read: Read = _as_it_is) -> list[ColumnElement[bool]]:
    """Return conditions for the actor, which is given without the client and issuer of the token, or with both."""
    if criteria.actor is None:
        return []
    whole = and_(read(history.c.actor_name) == name_of(criteria.actor), history.c.actor == criteria.actor)
    return [read(history.c.actor_name) == criteria.actor, whole]


def _of_subject(criteria: AuditFilter, read: Read = _as_it_is) -> list[ColumnElement[bool]]:
    return [] if criteria.subject is None else [read(history.c.subject) == criteria.subject]


def _of_action(criteria: AuditFilter, read: Read = _as_it_is) -> list[ColumnElement[bool]]:
    return [] if criteria.action is None else [read(history.c.current) == criteria.action]


def _by_channel(criteria: AuditFilter, read: Read = _as_it_is) -> list[ColumnElement[bool]]:
    return [] if criteria.channel is None else [read(history.c.channel) == criteria.channel]


def _by_outcome(criteria: AuditFilter, read: Read = _as_it_is) -> list[Any]:
    """With a condition on the cause SQLite would always use its index; `_IS_AUDITED` covers all causes."""
    if criteria.outcome is None:
        return []
    return [_IS_REFUSED] if criteria.outcome == REFUSED else [unindexed(history.c.cause) != REFUSED]


# Filters that match few entries come first. For a pair with an index, each filter alone may match nearly all entries.
_FILTERS: Sequence[Filter] = (_of_user, _of_object, _by_actor, _of_subject, _of_action, _by_channel, _by_outcome)
_PAIRS = {(_by_actor, _of_subject), (_by_actor, _of_action), (_of_subject, _of_action)}


def _period(criteria: AuditFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.since is not None:
        yield history.c.at >= criteria.since
    if criteria.before is not None:
        yield history.c.at < criteria.before
