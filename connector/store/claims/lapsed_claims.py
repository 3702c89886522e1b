"""Statements that withdraw claims of earlier periods of the sandbox, some in each transaction.

    end_period ──► find_providers ──► withdraw_some, again and again ──► finish

Rows that another transaction has locked are skipped, so that the worker never waits for locks in another order. A
transaction that writes claims of a provider withdraws the user's own first (`withdraw_of_user`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, text, update

from connector.domain.audit.history import Change
from connector.domain.environment import SANDBOX
from connector.store.claims import claims as of_claims
from connector.store.dialect import by_code_point
from connector.store.free_rows import lock_free
from connector.store.hidden import IS_REGISTERED, is_of_registered
from connector.store.lapsed import has_lapsed
from connector.store.models import claims, providers
from connector.store.models.conditions import IS_VERIFIED_IN_SANDBOX
from connector.store.providers import providers as of_providers

ENVIRONMENT_CHANGED = "environment_changed"  # a cause, for the history


def end_period(connection: Connection, provider_id: str, period: int) -> bool:
    """Begin the provider's next period after this one, and return whether claims have lapsed; the caller has locked
    the provider.
    """
    is_any = connection.execute(_in_sandbox(provider_id, period + 1).limit(1)).first() is not None
    values = {"sandbox_period": period + 1, "has_lapsed_claims": is_any}
    connection.execute(update(providers).where(providers.c.id == provider_id).values(values))
    return is_any


def find_providers(connection: Connection) -> list[tuple[str, str]]:
    """Return the tenant and the id of each provider that has claims to withdraw."""
    pending = select(providers.c.tenant, providers.c.id).where(providers.c.has_lapsed_claims, IS_REGISTERED)
    return [(tenant, provider_id) for tenant, provider_id in connection.execute(pending)]


def withdraw_some(
    connection: Connection, tenant: str, provider_id: str, now: datetime, limit: int
) -> tuple[int, list[Change]]:
    """Withdraw some lapsed claims that no other transaction has locked; return their number, and the changes.

    The provider is share-locked: it is not removed, and no claim lapses meanwhile.
    """
    provider = of_providers.read_shared(of_providers.share(connection, provider_id))
    claim_ids = lock_free(connection, _in_sandbox(provider_id, provider.sandbox_period).limit(limit))
    return len(claim_ids), _withdraw(connection, tenant, claim_ids, now)


def withdraw_of_user(
    connection: Connection, tenant: str, user_id: str, now: datetime, provider_id: str | None = None
) -> list[Change]:
    """Lock a user's lapsed claims, with one provider or all, and withdraw them; return the changes, for the journal."""
    lapsed = select(claims.c.id).where(
        claims.c.tenant == tenant, claims.c.user_id == user_id, has_lapsed(), is_of_registered(claims.c.provider_id)
    )
    if provider_id is not None:
        lapsed = lapsed.where(claims.c.provider_id == provider_id)
    in_order = lapsed.order_by(by_code_point(claims.c.uri), claims.c.provider_id)
    claim_ids = connection.execute(in_order.with_for_update(of=claims)).scalars().all()
    return _withdraw(connection, tenant, claim_ids, now)


def finish(connection: Connection, provider_id: str) -> bool:
    """Record that all lapsed claims of a provider are withdrawn; return False if some are left."""
    locked = select(providers.c.sandbox_period).where(providers.c.id == provider_id, IS_REGISTERED).with_for_update()
    period = connection.execute(locked).scalar_one_or_none()
    if period is None:
        return True
    if connection.execute(_in_sandbox(provider_id, period).limit(1)).first() is not None:
        return False
    connection.execute(update(providers).where(providers.c.id == provider_id).values(has_lapsed_claims=False))
    return True


def _in_sandbox(provider_id: str, before: int) -> Select[Any]:
    """Return the statement for the claims that the sandbox verified before a period, by the order of their index."""
    of_provider = (claims.c.provider_id == provider_id, claims.c.sandbox_period < before)
    return (
        select(claims.c.id)
        .where(*of_provider, text(IS_VERIFIED_IN_SANDBOX))
        .order_by(claims.c.provider_id, claims.c.sandbox_period)
    )


def _withdraw(connection: Connection, tenant: str, claim_ids: Sequence[str], now: datetime) -> list[Change]:
    """Withdraw locked claims that have lapsed.

    The condition is repeated: if it was checked before a wait for a lock, it compared the period at that time, while a
    claim may have been verified in a later one since.
    """
    if not claim_ids:
        return []
    withdrawn = connection.execute(
        update(claims)
        .where(claims.c.id.in_(claim_ids), has_lapsed())
        .values(is_verified=False, verification_status=SANDBOX, updated_at=now)
        .returning(*of_claims.CHANGED)
    )
    return of_claims.changes_of(withdrawn, now, tenant, current=SANDBOX, cause=ENVIRONMENT_CHANGED)
