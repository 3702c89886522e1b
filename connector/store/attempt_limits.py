"""Statements on the limit of attempts: which of a user's starts count towards it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from connector.store import batch
from connector.store.models import providers, verifications
from connector.store.pages import unindexed
from connector.store.verifications import IS_HERE, IS_THERE, is_in

COUNTS = (
    verifications.c.is_forgiven.is_(False),
    verifications.c.run_id.is_not(None) | verifications.c.run_requested_at.is_not(None),
)
_STARTED = (
    select(verifications.c.created_at)
    .where(
        verifications.c.tenant == bindparam("of_tenant"),
        unindexed(verifications.c.provider_id) == bindparam("of_provider"),
        verifications.c.user_id == bindparam("of_user"),
        verifications.c.created_at > bindparam("since"),
        *COUNTS,
        IS_HERE,
    )
    .order_by(verifications.c.created_at.desc())
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
    limited = {
        "of_tenant": tenant,
        "of_provider": provider_id,
        "of_user": user_id,
        "since": since,
        "of_environment": environment,
    }
    return batch.execute(connection, _STARTED, limited).each(lambda row: row.created_at)


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
