"""Statements on marks of users of remote directories: fingerprints of read and written values, never a value.

The rows are those of `users`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, or_, select, update

from connector.domain.frozen import frozen
from connector.store.models import users


@frozen
class Mark:
    """The fingerprint of a user's values last read, and the start of that reading; None: never."""

    mark: str | None
    read_at: datetime | None


_OF_USER = (users.c.tenant == bindparam("of_tenant"), users.c.user_id == bindparam("of_user"))
_FIND = select(users.c.mark, users.c.read_at).where(*_OF_USER)


def find(connection: Connection, tenant: str, user_id: str) -> Mark | None:
    """Return the mark of a user; None if the user was never read."""
    row = connection.execute(_FIND, {"of_tenant": tenant, "of_user": user_id}).one_or_none()
    return None if row is None else Mark(*row)


def set_read(connection: Connection, tenant: str, user_id: str, mark: str | None, began: datetime) -> bool:
    """Record a reading; False if a later one was recorded already."""
    is_latest = or_(users.c.read_at.is_(None), users.c.read_at <= began)
    statement = update(users).where(*_OF_USER, is_latest).values(mark=mark, read_at=began, missing_in=None)
    return connection.execute(statement, {"of_tenant": tenant, "of_user": user_id}).rowcount == 1
