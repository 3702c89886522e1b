"""Statements on verified claims, however they were verified."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select

from connector.domain.people.written_status import ClaimRecord
from connector.store import batch
from connector.store.hidden import IS_REGISTERED, is_of_registered
from connector.store.lapsed import is_verified, verification_status
from connector.store.models import claims, providers, verification_claims, verifications
from connector.store.openid.guests import is_guest


class VerifiedClaim(NamedTuple):
    """A claim of a user that is verified."""

    provider_id: str
    uri: str
    fingerprint: str | None


Verified = Sequence[VerifiedClaim]

_IS_THERE = is_of_registered(claims.c.provider_id)
_OF_USER = (
    select(claims.c.provider_id, claims.c.uri, claims.c.fingerprint)
    .join(providers, providers.c.id == claims.c.provider_id)
    .where(
        claims.c.tenant == bindparam("of_tenant"),
        claims.c.user_id == bindparam("of_user"),
        is_verified(providers.c.sandbox_period),
        IS_REGISTERED,
    )
)

_UNSENT = (
    select(claims.c.uri)
    .join(
        verification_claims,
        (verification_claims.c.verification_id == claims.c.verification_id)
        & (verification_claims.c.uri == claims.c.uri),
    )
    .where(
        claims.c.tenant == bindparam("of_tenant"),
        claims.c.user_id == bindparam("of_user"),
        is_verified(),
        claims.c.fingerprint.is_not(None),
        verification_claims.c.fingerprint.is_(None),
        _IS_THERE,
    )
)
_RECORDS = (
    select(
        *(claims.c[name] for name in ("user_id", "uri", "verification_id", "updated_at")),
        is_verified(providers.c.sandbox_period).label("is_verified"),
        verification_status(providers.c.sandbox_period).label("verification_status"),
        providers.c.name,
        verifications.c.completed_at,
    )
    .select_from(
        claims.join(providers, providers.c.id == claims.c.provider_id).outerjoin(
            verifications, verifications.c.id == claims.c.verification_id
        )
    )
    .where(claims.c.tenant == bindparam("of_tenant"), IS_REGISTERED)
)


def find(connection: Connection, tenant: str, user_id: str) -> Verified:
    """Return a user's verified claims, which are read on first access."""
    answer = batch.execute(connection, _OF_USER, {"of_tenant": tenant, "of_user": user_id})
    return answer.each(lambda row: VerifiedClaim(*row))


def find_unsent(connection: Connection, tenant: str, user_id: str) -> frozenset[str]:
    """Return the user's verified claims that had no value to send: the workflow's output contained the value."""
    return frozenset(connection.execute(_UNSENT, {"of_tenant": tenant, "of_user": user_id}).scalars())


def find_records(connection: Connection, tenant: str, user_id: str) -> list[ClaimRecord]:
    """Return the state of a user's claims, verified or not, with every provider."""
    rows = connection.execute(_RECORDS.where(claims.c.user_id == bindparam("of_user")), _of(tenant, user_id))
    return [_record(row) for row in rows]


def find_records_of(connection: Connection, tenant: str, user_ids: Collection[str]) -> dict[str, list[ClaimRecord]]:
    """Return the same for some users, by their ids."""
    records: dict[str, list[ClaimRecord]] = {}
    for row in connection.execute(_RECORDS.where(claims.c.user_id.in_(user_ids)), {"of_tenant": tenant}):
        records.setdefault(row.user_id, []).append(_record(row))
    return records


def find_users(connection: Connection, tenant: str, after: str, limit: int) -> list[str]:
    """Return ids of users with a verified claim, in order, after `after`; guests are in no directory."""
    statement = (
        select(claims.c.user_id)
        .where(
            claims.c.tenant == tenant,
            is_verified(),
            claims.c.user_id > after,
            ~is_guest(claims.c.user_id),
            _IS_THERE,
        )
        .group_by(claims.c.user_id)
        .order_by(claims.c.user_id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def _of(tenant: str, user_id: str) -> Mapping[str, str]:
    return {"of_tenant": tenant, "of_user": user_id}


def _record(row: Row[*tuple[Any, ...]]) -> ClaimRecord:
    return ClaimRecord(
        provider=row.name,
        uri=row.uri,
        is_verified=row.is_verified,
        is_pending=not row.is_verified and row.verification_id is not None and row.verification_status is None,
        at=row.completed_at or row.updated_at,
    )
