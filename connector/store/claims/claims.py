"""Statements on claims: the state of each attribute of a user, one row per user, provider and claim.

Several of a user's claims are always written in the order of their URIs, so that writers cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, select, update

from connector.domain.audit.history import CLAIM, REMOVED, Change
from connector.domain.claims import VALUE_CHANGED, VERIFIED, Claim, ClaimState
from connector.domain.environment import SANDBOX
from connector.domain.verifications.verification import Verification
from connector.store import batch
from connector.store.dialect import by_code_point, insert
from connector.store.hidden import IS_REGISTERED, is_of_registered
from connector.store.lapsed import has_lapsed, is_verified
from connector.store.models import claims, providers, verification_claims, verifications

USER_REMOVED = "user_removed"  # a cause, for the history

_KEY = (claims.c.provider_id, claims.c.user_id, claims.c.uri)
_SELECT = select(
    claims.c.id.label("claim_id"),
    claims.c.uri,
    claims.c.provider_id,
    claims.c.is_verified,
    claims.c.fingerprint,
    claims.c.verification_status,
    claims.c.metadata,
    claims.c.verification_id,
    verifications.c.applicant_id,
    verifications.c.run_id,
    verifications.c.status.label("workflow_status"),
    verifications.c.completed_at,
    verifications.c.decision,
    verification_claims.c.output_value,
    verifications.c.document,
    has_lapsed(providers.c.sandbox_period).label("has_lapsed"),
).select_from(
    claims.join(providers, claims.c.provider_id == providers.c.id)
    .outerjoin(verifications, claims.c.verification_id == verifications.c.id)
    .outerjoin(
        verification_claims,
        (verification_claims.c.verification_id == claims.c.verification_id)
        & (verification_claims.c.uri == claims.c.uri),
    )
)

_IS_THERE = is_of_registered(claims.c.provider_id)
_OF_USER = _SELECT.where(
    claims.c.tenant == bindparam("of_tenant"), claims.c.user_id == bindparam("of_user"), IS_REGISTERED
)
_ALL = _OF_USER.order_by(claims.c.uri, claims.c.provider_id)
_OF_PROVIDER = _ALL.where(claims.c.provider_id == bindparam("of_provider"))
_ONE = _OF_USER.where(claims.c.id == bindparam("claim_id"))
_LOCK = (
    select(_IS_THERE)
    .where(claims.c.tenant == bindparam("tenant"), claims.c.user_id == bindparam("user_id"))
    .order_by(by_code_point(claims.c.uri), claims.c.provider_id)
    .with_for_update()
)
_LOCK_OF_USERS = (
    select(
        *(claims.c[name] for name in ("id", "user_id", "uri", "provider_id", "fingerprint")),
        is_verified().label("is_verified"),
    )
    .where(claims.c.tenant == bindparam("tenant"), claims.c.user_id.in_(bindparam("user_ids", expanding=True)))
    .order_by(by_code_point(claims.c.user_id), by_code_point(claims.c.uri), claims.c.provider_id)
    .with_for_update()
)


def lock_states_of(user_id: ColumnElement[str]) -> Select[Any]:
    """Return the statement that locks a user's claims with a provider, in lock order, and reads their states."""
    return (
        select(claims.c.uri, claims.c.is_verified, claims.c.verification_status, claims.c.environment)
        .where(claims.c.provider_id == bindparam("of_provider"), claims.c.user_id == user_id)
        .order_by(by_code_point(claims.c.uri))
        .with_for_update()
    )


_LOCK_STATES = lock_states_of(bindparam("of_user", type_=claims.c.user_id.type))

CHANGED = (claims.c.user_id, claims.c.uri, claims.c.provider_id, claims.c.verification_id)
_SETTLED = (
    *("is_verified", "fingerprint", "environment", "sandbox_period"),
    *("verification_id", "verification_status", "updated_at"),
)

# Columns with the same value in all rows of one verification's result.
_SHARED = (
    *("tenant", "provider_id", "user_id", "sandbox_period"),
    *("verification_id", "metadata", "created_at", "updated_at"),
)

_ADD = insert(claims)
_SET_VERIFICATION = insert(
    claims,
    lambda statement: statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: statement.excluded[name] for name in ("verification_id", "verification_status", "updated_at")},
        where=claims.c.is_verified.is_(False),
    ),
)
_SETTLE = insert(
    claims,
    lambda statement: statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: statement.excluded[name] for name in _SETTLED},
    ),
)


def find_all(connection: Connection, tenant: str, user_id: str, provider_id: str | None = None) -> Sequence[Claim]:
    """Return a user's claims, or those with a provider; they are read on first access."""
    statement = _ALL if provider_id is None else _OF_PROVIDER
    parameters = {"of_tenant": tenant, "of_user": user_id, "of_provider": provider_id}
    return batch.execute(connection, statement, parameters).each(_claim)


def find(connection: Connection, tenant: str, user_id: str, claim_id: str) -> Claim | None:
    """Return one claim of a user."""
    parameters = {"of_tenant": tenant, "of_user": user_id, "claim_id": claim_id}
    row = connection.execute(_ONE, parameters).one_or_none()
    return None if row is None else _claim(row)


def add(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert claims; one that exists already raises `IntegrityError`."""
    connection.execute(_ADD(connection), [dict(row) for row in rows])


def correct(connection: Connection, claim_id: str, values: Mapping[str, Any]) -> None:
    """Write an administrator's correction of a claim."""
    connection.execute(update(claims).where(claims.c.id == claim_id).values(dict(values)))


def set_verification(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Assign the claims to a new verification; verified ones stay verified until its result arrives."""
    batch.insert_all(connection, _SET_VERIFICATION(connection), sorted(rows, key=itemgetter("uri")), _SHARED)


def lock(connection: Connection, tenant: str, user_id: str) -> bool:
    """Lock a user's claims, in lock order; False if there are none, but for those with removed providers."""
    return any(connection.execute(_LOCK, {"tenant": tenant, "user_id": user_id}).scalars().all())


def lock_states(connection: Connection, provider_id: str, user_id: str) -> dict[str, ClaimState]:
    """Lock a user's claims with a provider and return their states."""
    return read_states(connection.execute(_LOCK_STATES, {"of_provider": provider_id, "of_user": user_id}).all())


def read_states(rows: Iterable[Sequence[Any]]) -> dict[str, ClaimState]:
    """Read the rows of `lock_states_of`, by the claims' URIs."""
    return {uri: ClaimState(*state) for uri, *state in rows}


def settle(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write the results of a finished run for the claims."""
    batch.insert_all(connection, _SETTLE(connection), rows, _SHARED)


def unverify_changed(
    connection: Connection, tenant: str, changed: Mapping[str, Mapping[str, str | None]], now: datetime
) -> list[Change]:
    """Withdraw claims of some users, with every provider, that were verified for outdated values.

    `changed` maps users to the fingerprints of their claims' current values, None if there is none. Return the changes,
    for the journal.
    """
    verified = _lock_of_users(connection, tenant, list(changed))
    outdated = [row.id for row in verified if row.fingerprint != changed[row.user_id].get(row.uri, row.fingerprint)]
    return _unverify(connection, tenant, outdated, now)


def unverify_held(
    connection: Connection, tenant: str, user_id: str, fingerprints: Mapping[str, str | None], now: datetime
) -> list[Change]:
    """Withdraw a user's claims that were verified for exactly these fingerprints, which are outdated."""
    verified = _lock_of_users(connection, tenant, [user_id])
    held = [row.id for row in verified if row.uri in fingerprints and row.fingerprint == fingerprints[row.uri]]
    return _unverify(connection, tenant, held, now)


def unverify_all(
    connection: Connection,
    tenant: str,
    user_id: str,
    provider_id: str | None,
    now: datetime,
    *,
    status: str,
    cause: str,
    actor: str | None = None,
) -> list[Change]:
    """Withdraw all of a user's claims, with one provider or all, for a reason other than changed values."""
    verified = _lock_of_users(connection, tenant, [user_id])
    known = [row.id for row in verified if provider_id in (None, row.provider_id)]
    return _unverify(connection, tenant, known, now, status, cause, actor)


def explain(connection: Connection, verification: Verification, status: str, now: datetime) -> None:
    """Write the reason for those claims of a verification that are not verified."""
    lock(connection, verification.tenant, verification.user_id)
    connection.execute(
        update(claims)
        .where(claims.c.verification_id == verification.verification_id, claims.c.is_verified.is_(False))
        .values(verification_status=status, updated_at=now)
    )


def forget_user(connection: Connection, tenant: str, user_id: str) -> bool:
    """Delete a user's claims; False if there are none."""
    if not lock(connection, tenant, user_id):
        return False
    connection.execute(delete(claims).where(claims.c.tenant == tenant, claims.c.user_id == user_id))
    return True


def forget(
    connection: Connection, tenant: str, user_id: str, claim_ids: Collection[str], now: datetime
) -> list[Change]:
    """Delete some claims of a removed user; return those that are no longer verified, for the journal."""
    if not claim_ids or not lock(connection, tenant, user_id):
        return []
    gone = connection.execute(
        delete(claims).where(claims.c.id.in_(claim_ids)).returning(*CHANGED, claims.c.is_verified)
    )
    verified = [row for row in gone if row.is_verified]
    return changes_of(verified, now, tenant, current=REMOVED, cause=USER_REMOVED)


def _claim(row: Any) -> Claim:
    *columns, has_lapsed = row
    claim = Claim(*columns)
    return replace(claim, is_verified=False, verification_status=SANDBOX) if has_lapsed else claim


def _lock_of_users(connection: Connection, tenant: str, user_ids: Sequence[str]) -> list[Any]:
    """Lock the claims of some users, in lock order, and return those that are verified.

    What follows changes them by their ids: a claim that was added since would be locked too late, against that order.
    """
    locked = connection.execute(_LOCK_OF_USERS, {"tenant": tenant, "user_ids": user_ids}).all()
    return [row for row in locked if row.is_verified]


def _unverify(
    connection: Connection,
    tenant: str,
    claim_ids: Sequence[str],
    now: datetime,
    status: str = VALUE_CHANGED,
    cause: str = VALUE_CHANGED,
    actor: str | None = None,
) -> list[Change]:
    """Withdraw some verified claims, which are locked."""
    if not claim_ids:
        return []
    withdrawn = connection.execute(
        update(claims)
        .where(claims.c.tenant == tenant, claims.c.is_verified, _IS_THERE, claims.c.id.in_(claim_ids))
        .values(is_verified=False, verification_status=status, updated_at=now)
        .returning(*CHANGED)
    )
    return changes_of(withdrawn, now, tenant, current=status, cause=cause, actor=actor)


def changes_of(rows: Iterable[Row[*tuple[Any, ...]]], now: datetime, tenant: str, **what: Any) -> list[Change]:
    """Create the entries for claims that are no longer verified, in the order of their users and URIs."""
    return [
        Change(
            at=now,
            tenant=tenant,
            subject=CLAIM,
            name=row.uri,
            previous=VERIFIED,
            provider_id=row.provider_id,
            verification_id=row.verification_id,
            user_id=row.user_id,
            **what,
        )
        for row in sorted(rows, key=itemgetter(0, 1, 2))
    ]
