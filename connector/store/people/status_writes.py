"""Statements on writing users' status to a remote directory: one delivery at a time writes a user's status.

take the lease (compare-and-set; clears what was written) ──► release it with what was written
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from connector.domain.frozen import frozen
from connector.store.dialect import from_now, insert
from connector.store.models import status_writes

_OF_USER = (status_writes.c.tenant == bindparam("of_tenant"), status_writes.c.user_id == bindparam("of_user"))
_WRITTEN = select(status_writes.c.written).where(*_OF_USER)
_ADD = insert(status_writes, lambda statement: statement.on_conflict_do_nothing())


@frozen
class Turn:
    """A lease on a user's status, and the digest of the status that was last written; None: not known.

    `is_first`: nothing was ever written.
    """

    tenant: str
    user_id: str
    owner: str
    written: str | None
    is_first: bool


def take(connection: Connection, tenant: str, user_id: str, owner: str, seconds: float) -> Turn | None:
    """Lease a user's status for some seconds; None while it is leased already."""
    user = {"of_tenant": tenant, "of_user": user_id}
    is_first = connection.execute(_ADD(connection), {"tenant": tenant, "user_id": user_id}).rowcount == 1
    written = connection.execute(_WRITTEN.with_for_update(), user).scalar_one_or_none()
    is_free = or_(status_writes.c.lease_until.is_(None), status_writes.c.lease_until <= from_now(0))
    statement = update(status_writes).where(*_OF_USER, is_free)
    values = {"owner": owner, "lease_until": from_now(seconds), "written": None}
    taken = connection.execute(statement.values(values), user).rowcount == 1
    return Turn(tenant, user_id, owner, written, is_first) if taken else None


def release(connection: Connection, turn: Turn, written: str | None) -> bool:
    """Release the lease and record what was written; if nothing was, delete the row. False if the lease was lost."""
    user = {"of_tenant": turn.tenant, "of_user": turn.user_id}
    mine = (*_OF_USER, status_writes.c.owner == turn.owner)
    if written is None:
        return connection.execute(delete(status_writes).where(*mine), user).rowcount == 1
    values = {"owner": None, "lease_until": None, "written": written}
    return connection.execute(update(status_writes).where(*mine).values(values), user).rowcount == 1


def release_after_failure(connection: Connection, turn: Turn) -> None:
    """Release the lease after a failure: it is not known what was written."""
    statement = update(status_writes).where(*_OF_USER, status_writes.c.owner == turn.owner)
    user = {"of_tenant": turn.tenant, "of_user": turn.user_id}
    connection.execute(statement.values(owner=None, lease_until=None), user)


def forget(connection: Connection, tenant: str, user_id: str) -> None:
    """Delete the record of a user's written status."""
    connection.execute(delete(status_writes).where(*_OF_USER), {"of_tenant": tenant, "of_user": user_id})


def find_page(connection: Connection, tenant: str, after: str, limit: int) -> list[str]:
    """Return ids of users whose status is, or may be, in the directory, in order, after `after`."""
    statement = select(status_writes.c.user_id).where(status_writes.c.tenant == tenant, status_writes.c.user_id > after)
    return list(connection.execute(statement.order_by(status_writes.c.user_id).limit(limit)).scalars())
