"""The append-only history: every change of a run's or claim's status, and every change by an administrator.

Only `connector/services/journal.py` writes it, because every change has to be announced as well. Only the records of
refused starts are removed again after a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, or_, select, text

from connector.domain.history import AUDITED, CLAIM, REMOVED, RUN, START, USER, AuditFilter, Change, Entry
from connector.store import batch
from connector.store.models import IS_AUDITED, IS_REFUSED, history

_COLUMNS = [column for column in history.c if column.name != "id"]
_INSERT = insert(history)
# The same conditions as the partial indexes have, so that the database can use one of them.
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


def append(connection: Connection, changes: Sequence[Change]) -> None:
    """Write changes."""
    batch.execute_all(connection, _INSERT, [_row(change) for change in changes])


def knows_run(connection: Connection, provider_id: str, run_id: str) -> bool:
    """Whether a run was ever recorded with a provider, even if it was removed since."""
    entry = connection.execute(_FIND_RUN, {"of_run": run_id, "of_provider": provider_id})
    return entry.scalar_one_or_none() is not None


def find_of_verification(connection: Connection, verification_id: str) -> list[Change]:
    """Return the changes of a verification and its claims, the oldest first."""
    statement = select(*_COLUMNS).where(history.c.verification_id == verification_id).order_by(history.c.id)
    return [Change(**row._asdict()) for row in connection.execute(statement)]


def find_claim_states(connection: Connection, verification_ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return what verifications made of their claims: the verification, the claim and its state, the last one last."""
    statement = select(history.c.verification_id, history.c.name, history.c.current).where(
        history.c.verification_id.in_(verification_ids), history.c.subject == CLAIM
    )
    return [(each[0], each[1], each[2]) for each in connection.execute(statement.order_by(history.c.id))]


def find_audited(
    connection: Connection, tenant: str, criteria: AuditFilter, *, limit: int, before: int | None = None
) -> list[Entry]:
    """Return audited changes of a tenant, the latest first, from those numbered lower than `before` on."""
    statement = select(history.c.id, *_COLUMNS).where(history.c.tenant == tenant, _IS_AUDITED, *_clauses(criteria))
    if before is not None:
        statement = statement.where(history.c.id < before)
    rows = connection.execute(statement.order_by(history.c.id.desc()).limit(limit)).mappings()
    return [Entry(row["id"], Change(**{each.name: row[each.name] for each in _COLUMNS})) for row in rows]


def find_refusals(connection: Connection, tenant: str, user_id: str, limit: int) -> list[Change]:
    """Return a user's starts that were refused, the latest first."""
    criteria = AuditFilter(user_id=user_id, subject=START)
    return [entry.change for entry in find_audited(connection, tenant, criteria, limit=limit)]


def find_removal(connection: Connection, tenant: str, user_id: str) -> Change | None:
    """Return the latest entry of a user's removal."""
    statement = select(*_COLUMNS).where(
        history.c.tenant == tenant,
        _IS_AUDITED,
        history.c.user_id == user_id,
        history.c.subject == USER,
        history.c.current == REMOVED,
    )
    row = connection.execute(statement.order_by(history.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Change(**row._asdict())


def forget_refusals(connection: Connection, before: datetime, limit: int) -> int:
    """Remove the records of some starts that were refused before then, and return their number.

    Those that another transaction has locked are left for the next time, which avoids deadlocks.
    """
    old = select(history.c.id).where(_IS_REFUSED, history.c.at < before).order_by(history.c.at).limit(limit)
    free = connection.execute(old.with_for_update(skip_locked=True)).scalars().all()
    return connection.execute(delete(history).where(history.c.id.in_(free))).rowcount if free else 0


def forget_refusals_of(connection: Connection, tenant: str, user_id: str) -> None:
    """Remove the records of a user's refused starts."""
    statement = delete(history).where(history.c.tenant == tenant, history.c.user_id == user_id)
    connection.execute(statement.where(_IS_AUDITED, history.c.subject == START))


def _row(change: Change) -> dict[str, object]:
    row = {column.name: getattr(change, column.name) for column in _COLUMNS}
    return row if change.cause in AUDITED else row | {"user_id": None}


def _clauses(criteria: AuditFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in ((history.c.user_id, criteria.user_id), (history.c.subject, criteria.subject)):
        if value is not None:
            yield column == value
    if criteria.actor is not None:  # whole, or without the client and issuer of the token
        yield or_(history.c.actor == criteria.actor, history.c.actor.startswith(f"{criteria.actor} [", autoescape=True))
    if criteria.name is not None:
        named = (history.c.name, history.c.provider_id, history.c.verification_id)
        yield or_(*(column == criteria.name for column in named))
    if criteria.since is not None:
        yield history.c.at >= criteria.since
    if criteria.before is not None:
        yield history.c.at < criteria.before
