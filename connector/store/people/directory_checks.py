"""Statements on passes over a tenant's verified users, which compare their values with a remote directory.

begin (one per interval) ──► advance, page by page ──► end          each by compare-and-set: pages may come twice
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from connector.domain.frozen import frozen
from connector.store.dialect import insert
from connector.store.models import directory_checks, users

STUCK_AFTER = timedelta(hours=2)  # after this time without progress its delivery is dead, and another pass may start


@frozen
class Pass:
    """A pass: the last compared user, the number of compared users, and of those who are gone."""

    pass_id: str
    began_at: datetime
    position: str
    checked: int
    gone: int


_OF_TENANT = directory_checks.c.tenant == bindparam("of_tenant")
_ADD = insert(directory_checks, lambda statement: statement.on_conflict_do_nothing())
_FIND = select(*(directory_checks.c[name] for name in ("pass_id", "began_at", "position", "checked", "gone"))).where(
    _OF_TENANT, directory_checks.c.ended_at.is_(None)
)


def begin(connection: Connection, tenant: str, pass_id: str, now: datetime, not_since: datetime) -> bool:
    """Start a pass; False if one has started since that time, or is still in progress."""
    row = {"pass_id": pass_id, "began_at": now, "moved_at": now, "position": "", "checked": 0, "gone": 0}
    is_over = directory_checks.c.ended_at.is_not(None) | (directory_checks.c.moved_at <= now - STUCK_AFTER)
    statement = update(directory_checks).where(_OF_TENANT, directory_checks.c.began_at <= not_since, is_over)
    if connection.execute(statement.values(ended_at=None, **row), {"of_tenant": tenant}).rowcount == 1:
        return True
    return connection.execute(_ADD(connection), {"tenant": tenant, **row}).rowcount == 1


def find(connection: Connection, tenant: str, pass_id: str) -> Pass | None:
    """Return a pass that has not ended; None if it has, or another has started."""
    row = connection.execute(_FIND.where(directory_checks.c.pass_id == pass_id), {"of_tenant": tenant}).one_or_none()
    return None if row is None else Pass(*row)


def advance(
    connection: Connection, tenant: str, last: Pass, position: str, now: datetime, *, checked: int, gone: int
) -> bool:
    """Record a page; False if another worker has recorded it."""
    statement = update(directory_checks).where(
        _OF_TENANT, directory_checks.c.pass_id == last.pass_id, directory_checks.c.position == last.position
    )
    values = {"position": position, "moved_at": now, "checked": last.checked + checked, "gone": last.gone + gone}
    return connection.execute(statement.values(values), {"of_tenant": tenant}).rowcount == 1


def end(connection: Connection, tenant: str, pass_id: str, now: datetime) -> bool:
    """End a pass; False if another worker has ended it."""
    statement = update(directory_checks).where(
        _OF_TENANT, directory_checks.c.pass_id == pass_id, directory_checks.c.ended_at.is_(None)
    )
    return connection.execute(statement.values(ended_at=now), {"of_tenant": tenant}).rowcount == 1


def mark_missing(connection: Connection, tenant: str, user_ids: Collection[str], pass_id: str) -> None:
    """Record users, locked by the caller, whom a pass did not find."""
    statement = update(users).where(users.c.tenant == tenant, users.c.user_id.in_(list(user_ids)))
    connection.execute(statement.values(missing_in=pass_id))


def find_missing(connection: Connection, tenant: str, pass_id: str) -> list[str]:
    """Return the users whom a pass did not find, and who were not found since."""
    statement = select(users.c.user_id).where(users.c.tenant == tenant, users.c.missing_in == pass_id)
    return sorted(connection.execute(statement).scalars())
