"""Statements on passes over a tenant's verified users, which compare their values with a remote directory.

begin (one per interval) ──► advance, page by page ──► end          each by compare-and-set: pages may come twice
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from connector.store.directory_models import directory_checks
from connector.store.models import users


@dataclass(frozen=True)
class Pass:
    """A pass: the last user that was compared, how many were compared, and how many of these are gone."""

    pass_id: str
    began_at: datetime
    position: str
    checked: int
    gone: int


_OF_TENANT = directory_checks.c.tenant == bindparam("of_tenant")
_FIND = select(*(directory_checks.c[name] for name in ("pass_id", "began_at", "position", "checked", "gone"))).where(
    _OF_TENANT, directory_checks.c.ended_at.is_(None)
)


def begin(connection: Connection, tenant: str, pass_id: str, now: datetime, not_since: datetime) -> bool:
    """Begin a pass; False where one has begun since that time."""
    row = {"pass_id": pass_id, "began_at": now, "position": "", "checked": 0, "gone": 0, "ended_at": None}
    statement = update(directory_checks).where(_OF_TENANT, directory_checks.c.began_at <= not_since).values(row)
    if connection.execute(statement, {"of_tenant": tenant}).rowcount == 1:
        return True
    try:
        with connection.begin_nested():
            connection.execute(insert(directory_checks), {"tenant": tenant, **row})
    except IntegrityError:
        return False
    return True


def find(connection: Connection, tenant: str, pass_id: str) -> Pass | None:
    """Return a pass that has not ended; None where it has, or another has begun."""
    row = connection.execute(_FIND.where(directory_checks.c.pass_id == pass_id), {"of_tenant": tenant}).one_or_none()
    return None if row is None else Pass(*row)


def advance(connection: Connection, tenant: str, last: Pass, position: str, checked: int, gone: int) -> bool:
    """Record a page; False where another worker has recorded it."""
    statement = update(directory_checks).where(
        _OF_TENANT, directory_checks.c.pass_id == last.pass_id, directory_checks.c.position == last.position
    )
    values = {"position": position, "checked": last.checked + checked, "gone": last.gone + gone}
    return connection.execute(statement.values(values), {"of_tenant": tenant}).rowcount == 1


def end(connection: Connection, tenant: str, pass_id: str, now: datetime) -> bool:
    """End a pass; False where another worker has ended it."""
    statement = update(directory_checks).where(
        _OF_TENANT, directory_checks.c.pass_id == pass_id, directory_checks.c.ended_at.is_(None)
    )
    return connection.execute(statement.values(ended_at=now), {"of_tenant": tenant}).rowcount == 1


def mark_missing(connection: Connection, tenant: str, user_ids: Collection[str], pass_id: str) -> None:
    """Record the users, locked by the caller, that a pass did not find."""
    statement = update(users).where(users.c.tenant == tenant, users.c.user_id.in_(list(user_ids)))
    connection.execute(statement.values(missing_in=pass_id))


def find_missing(connection: Connection, tenant: str, pass_id: str) -> list[str]:
    """Return the users that a pass did not find, and who were not found since."""
    statement = select(users.c.user_id).where(users.c.tenant == tenant, users.c.missing_in == pass_id)
    return sorted(connection.execute(statement).scalars())
