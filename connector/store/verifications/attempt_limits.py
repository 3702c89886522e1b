"""Statements on the limit of attempts: which of a user's starts count towards it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, func, literal_column, select, update

from connector.store import batch, required
from connector.store.models import providers, verifications
from connector.store.pages import unindexed
from connector.store.verifications.verifications import IS_HERE, IS_THERE, is_in

COUNTS = (
    verifications.c.is_forgiven.is_(False),
    verifications.c.run_id.is_not(None) | verifications.c.run_requested_at.is_not(None),
)
_IS_RECENT = (
    verifications.c.tenant == bindparam("of_tenant"),
    unindexed(verifications.c.provider_id) == bindparam("of_provider"),
    verifications.c.user_id == bindparam("of_user"),
    verifications.c.created_at > bindparam("since"),
    *COUNTS,
    IS_HERE,
)
_STARTED = select(verifications.c.created_at).where(*_IS_RECENT).order_by(verifications.c.created_at.desc())
_NUMBER = select(func.count()).select_from(verifications).where(*_IS_RECENT).scalar_subquery()
_REQUIRE_FEWER = required.one_row(
    select(literal_column("1", Integer).label("one")).where(bindparam("of_most", type_=Integer) > _NUMBER)
)


def find_started(
    connection: Connection,
    tenant: str,
    provider_id: str,
    user_id: str,
    since: datetime,
    environment: str | None = None,
) -> Sequence[datetime]:
    """Return the start times of the user's verifications since then whose run exists or may exist; latest first.

    Verifications that were forgiven, or are in another environment, are excluded.
    """
    recent = _recent(tenant, provider_id, user_id, since, environment)
    return batch.execute(connection, _STARTED, recent).each(lambda row: row.created_at)


def require_fewer(
    connection: Connection,
    tenant: str,
    provider_id: str,
    user_id: str,
    since: datetime,
    environment: str | None,
    most: int,
) -> None:
    """Require fewer than `most` such verifications: otherwise the transaction fails with `NoRowError`."""
    recent = _recent(tenant, provider_id, user_id, since, environment)
    batch.execute(connection, _REQUIRE_FEWER, recent | {"of_most": most})


def find_started_of_user(
    connection: Connection, tenant: str, user_id: str, since: datetime
) -> dict[str, list[datetime]]:
    """Return the same for all providers, by their ids, each in the provider's environment."""
    of_user = (verifications.c.tenant == tenant, verifications.c.user_id == user_id, IS_THERE)
    statement = (
        select(verifications.c.provider_id, verifications.c.created_at)
        .join(providers, providers.c.id == verifications.c.provider_id)
        .where(*of_user, verifications.c.created_at > since, *COUNTS, is_in(providers.c.environment))
    )
    started: dict[str, list[datetime]] = {}
    for provider_id, created_at in connection.execute(statement.order_by(verifications.c.created_at.desc())):
        started.setdefault(provider_id, []).append(created_at)
    return started


def forgive(connection: Connection, verification_ids: Sequence[str]) -> None:
    """Exclude some locked verifications from the limit."""
    connection.execute(update(verifications).where(verifications.c.id.in_(verification_ids)).values(is_forgiven=True))


def _recent(
    tenant: str, provider_id: str, user_id: str, since: datetime, environment: str | None
) -> dict[str, str | datetime | None]:
    return {
        "of_tenant": tenant,
        "of_provider": provider_id,
        "of_user": user_id,
        "since": since,
        "of_environment": environment,
    }
