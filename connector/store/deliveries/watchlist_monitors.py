"""Statements on watchlist monitors: one delivery at a time creates or ends a user's monitor.

take the lease (compare-and-set) ──► announce the applicant to be monitored ──► release with the existing monitor
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, or_, select, update

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


def find_users_to_monitor(
    connection: Connection, provider_id: str, report_name: str, after: str, limit: int
) -> list[str]:
    """Return ids of users after `after` with a verified claim, but no recorded monitor with this report."""
    recorded = select(_T.c.user_id).where(
        _T.c.provider_id == claims.c.provider_id,
        _T.c.user_id == claims.c.user_id,
        _T.c.monitor_id.is_not(None),
        _T.c.report_name == report_name,
    )
    verified = (claims.c.provider_id == provider_id, is_verified(), ~recorded.exists())
    return _page(connection, claims.c.user_id, verified, after, limit)


def find_users_monitored(
    connection: Connection, provider_id: str, report_name: str | None, after: str, limit: int
) -> list[str]:
    """Return ids of users after `after` whose recorded monitor has another report than this one."""
    others = (_T.c.provider_id == provider_id, _T.c.report_name.is_distinct_from(report_name))
    return _page(connection, _T.c.user_id, others, after, limit)


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


def _page(
    connection: Connection,
    user_id: ColumnElement[str],
    conditions: tuple[ColumnElement[bool], ...],
    after: str,
    limit: int,
) -> list[str]:
    """Return a page in the order of the database's own index, which only matters for the next page."""
    statement = select(user_id).where(*conditions, user_id > after).group_by(user_id).order_by(user_id)
    return list(connection.execute(statement.limit(limit)).scalars())


def _change(connection: Connection, turn: Turn, values: Mapping[str, object]) -> bool:
    return connection.execute(update(_T).where(*_mine(turn)).values(**values)).rowcount == 1


def _mine(turn: Turn) -> tuple[ColumnElement[bool], ...]:
    return (_T.c.provider_id == turn.provider_id, _T.c.user_id == turn.user_id, _T.c.owner == turn.owner)
