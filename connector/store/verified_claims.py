"""Statements on the claims that are verified, whatever verified them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Row, bindparam, select

from connector.store.models import claims

Verified = Sequence[Row[str, str, str | None]]  # `provider_id`, `uri` and `fingerprint`

_OF_USER = select(claims.c.provider_id, claims.c.uri, claims.c.fingerprint).where(
    claims.c.tenant == bindparam("of_tenant"), claims.c.user_id == bindparam("of_user"), claims.c.is_verified
)


def find(connection: Connection, tenant: str, user_id: str) -> Verified:
    """Return the `provider_id`, `uri` and `fingerprint` of each of a user's claims that are verified."""
    return connection.execute(_OF_USER, {"of_tenant": tenant, "of_user": user_id}).all()


def find_users(connection: Connection, tenant: str, after: str, limit: int) -> list[str]:
    """Return ids of users who have a verified claim, in their order, behind `after`."""
    statement = (
        select(claims.c.user_id)
        .where(claims.c.tenant == tenant, claims.c.is_verified, claims.c.user_id > after)
        .group_by(claims.c.user_id)
        .order_by(claims.c.user_id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())
