"""Statements on verified claims, with the verifications that prove them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select

from connector.domain.assurance import Proof, ProvenClaim
from connector.domain.stored import stored_member
from connector.domain.studio.studio import OutputRole
from connector.store.hidden import is_of_registered
from connector.store.lapsed import is_verified
from connector.store.models import claims, verification_claims, verifications

# A verification is a claim's proof if it verified the claim for the same value, or for the output's.
_IS_PROOF = and_(
    verification_claims.c.verification_id == claims.c.verification_id,
    verification_claims.c.uri == claims.c.uri,
    verification_claims.c.is_verified,
    or_(verification_claims.c.fingerprint == claims.c.fingerprint, verification_claims.c.fingerprint.is_(None)),
)
_OF_USER = (
    select(
        *(claims.c[name] for name in ("uri", "fingerprint", "environment", "updated_at")),
        *(verification_claims.c[name] for name in ("verification_id", "applicant_field", "output_role")),
        *(verifications.c[name] for name in ("run_id", "completed_at", "document_type", "reports")),
    )
    .select_from(
        claims.outerjoin(verification_claims, _IS_PROOF).outerjoin(
            verifications, verifications.c.id == verification_claims.c.verification_id
        )
    )
    .where(
        claims.c.tenant == bindparam("of_tenant"),
        claims.c.user_id == bindparam("of_user"),
        is_verified(),
        is_of_registered(claims.c.provider_id),
    )
)


def find(connection: Connection, tenant: str, user_id: str) -> list[ProvenClaim]:
    """Return a user's verified claims, each with its proof."""
    rows = connection.execute(_OF_USER, {"of_tenant": tenant, "of_user": user_id})
    return [ProvenClaim(each.uri, each.fingerprint, each.environment, each.updated_at, _proof(each)) for each in rows]


def _proof(row: Row[Any]) -> Proof | None:
    if row.verification_id is None:
        return None
    role = None if row.output_role is None else stored_member(OutputRole, row.output_role)
    at = row.completed_at or row.updated_at
    reports = tuple(row.reports or ())
    return Proof(row.verification_id, row.run_id, at, row.applicant_field, role, row.document_type, reports)
