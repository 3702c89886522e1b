"""Statements that find verifications by their runs or applicants, and count their verified claims."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, case, func, select

from connector.domain.environment import SANDBOX
from connector.domain.providers.readiness import MOST_COUNTED
from connector.domain.verifications.verification import Verification
from connector.store.models import providers, verification_claims, verifications
from connector.store.pages import unindexed
from connector.store.verifications.verification_search import LISTED
from connector.store.verifications.verifications import SELECT, one, read_row


def count_verified(connection: Connection, verification_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the number of verified claims and of all claims of each verification, by its id."""
    is_verified = case((verification_claims.c.is_verified, 1), else_=0)
    counted = select(verification_claims.c.verification_id, func.sum(is_verified), func.count())
    statement = counted.where(verification_claims.c.verification_id.in_(verification_ids))
    rows = connection.execute(statement.group_by(verification_claims.c.verification_id))
    return {verification_id: (int(verified), total) for verification_id, verified, total in rows}


def find_of_tenants_applicant(connection: Connection, tenant: str, applicant_id: str) -> Verification | None:
    """Return the latest verification of an applicant with any of the tenant's providers."""
    of_tenant = select(providers.c.id).where(providers.c.tenant == tenant)
    statement = LISTED.where(verifications.c.provider_id.in_(of_tenant), verifications.c.applicant_id == applicant_id)
    return one(connection, statement.order_by(verifications.c.created_at.desc()).limit(1))


def find_of_runs(
    connection: Connection, tenant: str, provider_id: str, run_ids: Sequence[str], verification_ids: Sequence[str]
) -> list[Verification]:
    """Return a provider's verifications with one of these runs or ids, without their results and documents."""
    by_run = select(verifications.c.id).where(
        unindexed(verifications.c.provider_id) == provider_id, verifications.c.run_id.in_(run_ids)
    )
    by_id = select(verifications.c.id).where(verifications.c.id.in_(verification_ids))
    statement = LISTED.where(
        verifications.c.id.in_(by_run.union_all(by_id)),
        unindexed(verifications.c.tenant) == tenant,
        unindexed(verifications.c.provider_id) == provider_id,
    )
    return [read_row(row) for row in connection.execute(statement)]


def count_in_sandbox(connection: Connection, provider_id: str) -> int:
    """Return the number of a provider's sandbox verifications, up to `MOST_COUNTED`."""
    is_there = (verifications.c.provider_id == provider_id, verifications.c.environment == SANDBOX)
    in_order = select(verifications.c.id).where(*is_there).order_by(verifications.c.created_at).limit(MOST_COUNTED)
    return connection.execute(select(func.count()).select_from(in_order.subquery())).scalar_one()


def find_of_applicant(connection: Connection, provider_id: str, applicant_id: str) -> Verification | None:
    """Return the latest verification of an applicant."""
    statement = SELECT.where(
        verifications.c.provider_id == provider_id, verifications.c.applicant_id == applicant_id
    ).order_by(verifications.c.created_at.desc())
    return one(connection, statement.limit(1))
