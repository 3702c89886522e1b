"""Statements on the list of users: pages by the prefix of an id, and the verification state of the users on a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, func, or_, select

from connector.domain.verifications.verification import Verification
from connector.store.dialect import in_code_points, precedes, reaches
from connector.store.hidden import is_of_registered
from connector.store.lapsed import is_verified
from connector.store.models import claims, providers, users, verifications
from connector.store.verifications.attempt_limits import COUNTS
from connector.store.verifications.verification_search import LISTED, latest_of_each
from connector.store.verifications.verifications import IS_THERE, is_in, read_row

_LAST = "\U0010ffff"  # after every other character
_IS_CLAIM_THERE = is_of_registered(claims.c.provider_id)


def find_page(connection: Connection, tenant: str, prefix: str, *, after: str, limit: int) -> list[str]:
    """Return ids of the tenant's users with a prefix, in the order of code points, after `after`."""
    return list(connection.execute(_page(tenant, prefix, after, limit)).scalars())


def count(connection: Connection, tenant: str, prefix: str, most: int) -> int:
    """Return how many users with a prefix the tenant has, up to `most`."""
    counted = select(func.count()).select_from(_page(tenant, prefix, "", most).subquery())
    return connection.execute(counted).scalar_one()


def _page(tenant: str, prefix: str, after: str, limit: int) -> Select[str]:
    statement = select(users.c.user_id).where(users.c.tenant == tenant)
    if after >= prefix:  # of two lower bounds SQLite may search by the wrong one
        statement = statement.where(precedes(after, users.c.user_id))
    else:
        statement = statement.where(reaches(users.c.user_id, prefix))
    if prefix:
        statement = statement.where(precedes(users.c.user_id, prefix + _LAST))
    return statement.order_by(in_code_points(users.c.user_id)).limit(limit)


def is_known(connection: Connection, tenant: str, user_id: str) -> bool:
    """Whether anything is stored of a user."""
    stored = (
        select(table.c.user_id).where(table.c.tenant == tenant, table.c.user_id == user_id, *conditions).exists()
        for table, *conditions in ((users,), (claims, _IS_CLAIM_THERE), (verifications, IS_THERE))
    )
    return bool(connection.execute(select(or_(*stored))).scalar_one())


def find_verified(connection: Connection, tenant: str, user_ids: Sequence[str]) -> dict[str, set[str]]:
    """Return the claims of some users that are verified, by the users' ids."""
    verified: dict[str, set[str]] = {user_id: set() for user_id in user_ids}
    statement = select(claims.c.user_id, claims.c.uri).where(
        claims.c.tenant == tenant, claims.c.user_id.in_(user_ids), is_verified(), _IS_CLAIM_THERE
    )
    for user_id, uri in connection.execute(statement):
        verified[user_id].add(uri)
    return verified


def find_latest(connection: Connection, tenant: str, user_ids: Sequence[str]) -> dict[str, Verification]:
    """Return the latest verification of each of some users, by the users' ids."""
    of_users = (verifications.c.tenant == tenant, verifications.c.user_id.in_(user_ids), IS_THERE)
    statement = LISTED.where(verifications.c.id.in_(latest_of_each(verifications.c.user_id, *of_users)))
    return {verification.user_id: verification for verification in map(read_row, connection.execute(statement))}


def find_started(
    connection: Connection, tenant: str, user_ids: Sequence[str], since: datetime
) -> dict[tuple[str, str], list[datetime]]:
    """Return the start times of some users that count towards the limit, by user and provider; the latest first."""
    statement = (
        select(verifications.c.user_id, verifications.c.provider_id, verifications.c.created_at)
        .join(providers, providers.c.id == verifications.c.provider_id)
        .where(verifications.c.tenant == tenant, verifications.c.user_id.in_(user_ids))
        .where(verifications.c.created_at > since, IS_THERE, *COUNTS, is_in(providers.c.environment))
    )
    started: dict[tuple[str, str], list[datetime]] = {}
    for user_id, provider_id, created_at in connection.execute(statement.order_by(verifications.c.created_at.desc())):
        started.setdefault((user_id, provider_id), []).append(created_at)
    return started
