"""Statements on watchlist monitors: one delivery at a time creates or ends a user's monitor.

take the lease (compare-and-set) ──► announce the applicant to be monitored ──► release with the existing monitor
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    union,
    update,
)

from connector.domain.frozen import frozen
from connector.domain.studio.watchlist import ClaimStanding, MonitorTarget
from connector.store.dialect import from_now, insert
from connector.store.free_rows import lock_free
from connector.store.lapsed import is_verified, verification_status
from connector.store.models import claims, verifications, watchlist_monitors

_T = watchlist_monitors
_OF_USER = (_T.c.provider_id == bindparam("of_provider"), _T.c.user_id == bindparam("of_user"))
_STANDING = select(_T.c.applicant_id, _T.c.report_name, _T.c.monitor_id).where(*_OF_USER)
_ADD = insert(_T, lambda statement: statement.on_conflict_do_nothing())
_CLAIMS = (
    select(
        is_verified(),
        claims.c.verification_id,
        verification_status(),
        verifications.c.applicant_id,
        verifications.c.created_at,
        verifications.c.environment,
    )
    .select_from(claims.outerjoin(verifications, verifications.c.id == claims.c.verification_id))
    .where(claims.c.provider_id == bindparam("of_provider"), claims.c.user_id == bindparam("of_user"))
)


@frozen
class Turn:
    """A lease on a user's monitor, and its recorded applicant, and its id if that is known."""

    provider_id: str
    user_id: str
    owner: str
    target: MonitorTarget | None
    monitor_id: str | None


def take(
    connection: Connection, tenant: str, provider_id: str, user_id: str, owner: str, seconds: float
) -> Turn | None:
    """Lease a user's monitor for some seconds; None while it is leased already."""
    connection.execute(_ADD(connection), {"provider_id": provider_id, "user_id": user_id, "tenant": tenant})
    user = {"of_provider": provider_id, "of_user": user_id}
    row = connection.execute(_STANDING.with_for_update(), user).one_or_none()
    is_free = or_(_T.c.lease_until.is_(None), _T.c.lease_until <= from_now(0))
    statement = update(_T).where(*_OF_USER, is_free).values(owner=owner, lease_until=from_now(seconds))
    if row is None or connection.execute(statement, user).rowcount != 1:
        return None
    target = None if row.applicant_id is None else MonitorTarget(row.applicant_id, row.report_name)
    return Turn(provider_id, user_id, owner, target, row.monitor_id)


def announce(connection: Connection, turn: Turn, target: MonitorTarget) -> bool:
    """Record that a monitor may exist from now on; False if the lease was lost."""
    values = {"applicant_id": target.applicant_id, "report_name": target.report_name, "monitor_id": None}
    return _change(connection, turn, values)


def release(connection: Connection, turn: Turn, monitor_id: str | None) -> bool:
    """Release the lease with the existing monitor; without one, delete the row. False: the lease was lost."""
    if monitor_id is None:
        return connection.execute(delete(_T).where(*_mine(turn))).rowcount == 1
    return _change(connection, turn, {"monitor_id": monitor_id, "owner": None, "lease_until": None})


def release_after_failure(connection: Connection, turn: Turn) -> None:
    """Release the lease after a failure: at most the last recorded monitor exists."""
    _change(connection, turn, {"owner": None, "lease_until": None})


def find_claims(connection: Connection, provider_id: str, user_id: str) -> list[ClaimStanding]:
    """Return the state of a user's claims with a provider."""
    rows = connection.execute(_CLAIMS, {"of_provider": provider_id, "of_user": user_id})
    return [ClaimStanding(*row) for row in rows]


@frozen
class ExaminedUser:
    """A user with a recorded monitor or a claim; `is_due`: the monitor does not match the provider's setting."""

    user_id: str
    is_due: bool


def examine(
    connection: Connection, provider_id: str, report_name: str | None, after: str, limit: int
) -> list[ExaminedUser]:
    """Return the users after `after`, in the database's order; `report_name` is the provider's setting.

    All users are returned, so that a statement reads no more rows where nearly all monitors match.
    """
    users = [_first(_T.c.user_id, _T.c.provider_id == provider_id, _T.c.user_id > after, limit=limit)]
    if report_name is not None:
        users.append(
            _first(claims.c.user_id, claims.c.provider_id == provider_id, claims.c.user_id > after, limit=limit)
        )
    some = union(*users).order_by("user_id").limit(limit).subquery()
    is_other = _T.c.report_name.is_distinct_from(report_name)
    has_verified_claim = exists().where(
        claims.c.provider_id == provider_id, claims.c.user_id == some.c.user_id, is_verified()
    )
    is_due = and_(_T.c.user_id.is_not(None), is_other)
    if report_name is not None:
        is_due = or_(is_due, and_(or_(is_other, _T.c.monitor_id.is_(None)), has_verified_claim))
    joined = some.outerjoin(_T, and_(_T.c.provider_id == provider_id, _T.c.user_id == some.c.user_id))
    rows = connection.execute(select(some.c.user_id, is_due).select_from(joined).order_by(some.c.user_id))
    return [ExaminedUser(*row) for row in rows]


def find_providers(connection: Connection, tenant: str, user_id: str) -> list[str]:
    """Return the ids of the providers for which a monitor of a user is recorded."""
    statement = select(_T.c.provider_id).where(_T.c.tenant == tenant, _T.c.user_id == user_id)
    return list(connection.execute(statement.order_by(_T.c.provider_id)).scalars())


def count_left(connection: Connection, provider_id: str, most: int) -> int:
    """Return how many monitors of a removed provider may still exist, up to `most`."""
    left = select(_T.c.user_id).where(_T.c.provider_id == provider_id, _T.c.applicant_id.is_not(None))
    some = left.order_by(_T.c.user_id).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def forget_some(connection: Connection, limit: int, *, provider_id: str) -> int:
    """Delete some records of a removed provider; return their number."""
    of_provider = _T.c.provider_id == provider_id
    some = select(_T.c.user_id).where(of_provider).order_by(_T.c.user_id).limit(limit)
    users = lock_free(connection, some)
    if users:
        connection.execute(delete(_T).where(of_provider, _T.c.user_id.in_(users)))
    return len(users)


def _first(user_id: ColumnElement[str], *conditions: ColumnElement[bool], limit: int) -> Select[Any]:
    """Return the statement for the first users of an index."""
    some = select(user_id).where(*conditions).group_by(user_id).order_by(user_id).limit(limit).subquery()
    return select(some.c.user_id)


def _change(connection: Connection, turn: Turn, values: Mapping[str, object]) -> bool:
    return connection.execute(update(_T).where(*_mine(turn)).values(**values)).rowcount == 1


def _mine(turn: Turn) -> tuple[ColumnElement[bool], ...]:
    return (_T.c.provider_id == turn.provider_id, _T.c.user_id == turn.user_id, _T.c.owner == turn.owner)
