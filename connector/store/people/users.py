"""Statements on the embedded user directory. The caller encrypts values.

A change of a user's values locks the user's row first; reading them for a verification takes a share lock. So a
verification either reads the value before a change that will mark the verification, or the value after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, false, select, tuple_

from connector.store import batch
from connector.store.batch import Answer
from connector.store.dialect import insert
from connector.store.models import user_attributes, users

_USER = select(users.c.user_id).where(users.c.tenant == bindparam("tenant"), users.c.user_id == bindparam("user_id"))
_SHARED_USER = _USER.with_for_update(read=True)
_VALUES = (
    select(user_attributes.c.uri, user_attributes.c.value)
    .where(user_attributes.c.tenant == bindparam("tenant"), user_attributes.c.user_id == bindparam("user_id"))
    .order_by(user_attributes.c.uri)
)

_ADD = insert(users, lambda statement: statement.on_conflict_do_nothing())
_ADD_OR_LOCK = insert(  # locks an existing row, which the condition leaves unwritten
    users,
    lambda statement: statement.on_conflict_do_update(
        index_elements=users.primary_key, set_={"created_at": users.c.created_at}, where=false()
    ).returning(users.c.user_id),
)
_SET_VALUES = insert(
    user_attributes,
    lambda statement: statement.on_conflict_do_update(
        index_elements=user_attributes.primary_key, set_={"value": statement.excluded["value"]}
    ),
)


def add(connection: Connection, tenant: str, user_id: str, now: datetime) -> bool:
    """Insert a user; False if the id is taken."""
    row = {"tenant": tenant, "user_id": user_id, "created_at": now}
    return connection.execute(_ADD(connection), row).rowcount == 1


def remove(connection: Connection, tenant: str, user_id: str) -> bool:
    """Delete a user with all values; False if there is none."""
    statement = delete(users).where(users.c.tenant == tenant, users.c.user_id == user_id)
    return connection.execute(statement).rowcount == 1


def lock(connection: Connection, tenant: str, user_id: str) -> bool:
    """Lock a user for changes; False if there is none."""
    return connection.execute(_USER.with_for_update(), {"tenant": tenant, "user_id": user_id}).one_or_none() is not None


def add_or_lock(connection: Connection, tenant: str, user_ids: Collection[str], now: datetime) -> set[str]:
    """Insert users, or lock existing ones for changes, in the order of their ids; return the inserted ones."""
    rows = [{"tenant": tenant, "user_id": user_id, "created_at": now} for user_id in sorted(user_ids)]
    return set(connection.execute(_ADD_OR_LOCK(connection), rows).scalars()) if rows else set()


def has(connection: Connection, tenant: str, user_id: str) -> bool:
    """Whether there is such a user."""
    return connection.execute(_USER, {"tenant": tenant, "user_id": user_id}).one_or_none() is not None


def share_values(connection: Connection, tenant: str, user_id: str) -> tuple[Answer, Answer]:
    """Wait for changes in flight; return the user, if any, and the encrypted values with their claims' URIs."""
    key = {"tenant": tenant, "user_id": user_id}
    return batch.execute(connection, _SHARED_USER, key), batch.execute(connection, _VALUES, key)


def find_values(connection: Connection, tenant: str, user_id: str) -> dict[str, str]:
    """Return a user's sealed values by claim URI."""
    rows = connection.execute(_VALUES, {"tenant": tenant, "user_id": user_id})
    return {row.uri: row.value for row in rows}


def find_known(connection: Connection, tenant: str, user_ids: Collection[str]) -> set[str]:
    """Return which of some users exist."""
    statement = select(users.c.user_id).where(users.c.tenant == tenant, users.c.user_id.in_(list(user_ids)))
    return set(connection.execute(statement).scalars())


def find_values_of(connection: Connection, tenant: str, user_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the sealed values of some users, by user and claim URI."""
    values_by_user: dict[str, dict[str, str]] = {user_id: {} for user_id in user_ids}
    if not values_by_user:
        return values_by_user
    statement = select(user_attributes.c.user_id, user_attributes.c.uri, user_attributes.c.value)
    of_users = user_attributes.c.tenant == tenant, user_attributes.c.user_id.in_(list(values_by_user))
    for user_id, uri, value in connection.execute(statement.where(*of_users)):
        values_by_user[user_id][uri] = value
    return values_by_user


def set_values(connection: Connection, tenant: str, values: Mapping[str, Mapping[str, str | None]]) -> None:
    """Write sealed values by user and claim URI; None removes one."""
    each = sorted((user_id, uri, value) for user_id, of_user in values.items() for uri, value in of_user.items())
    removed = [(user_id, uri) for user_id, uri, value in each if value is None]
    kept = [
        {"tenant": tenant, "user_id": user_id, "uri": uri, "value": value}
        for user_id, uri, value in each
        if value is not None
    ]
    if removed:
        key = tuple_(user_attributes.c.user_id, user_attributes.c.uri)
        connection.execute(delete(user_attributes).where(user_attributes.c.tenant == tenant, key.in_(removed)))
    if kept:
        connection.execute(_SET_VALUES(connection), kept)


def find_page(connection: Connection, tenant: str, *, limit: int, after: str = "") -> list[str]:
    """Return ids of the tenant's users in order, after `after`."""
    statement = select(users.c.user_id).where(users.c.tenant == tenant, users.c.user_id > after)
    return list(connection.execute(statement.order_by(users.c.user_id).limit(limit)).scalars())
