"""Statements on applicants at Onfido: the fields that were ever sent for each, so that none keeps an outdated value.

An update keeps the fields that it does not name, so every field that was ever sent is sent again, or another applicant
is created. The names are committed before the values are sent: after a crash too many may be recorded, never too few.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from connector.domain.frozen import frozen
from connector.domain.verifications.verification import Verification
from connector.store import batch, required
from connector.store.batch import Answer
from connector.store.dialect import insert
from connector.store.models import applicants, verifications
from connector.store.pages import unindexed
from connector.store.verifications.verifications import IS_HERE

_OF = (applicants.c.provider_id == bindparam("of_provider"), applicants.c.applicant_id == bindparam("of_applicant"))
_LOCK = select(applicants.c.fields).where(*_OF).with_for_update()
_CHANGE = update(applicants).where(*_OF)
_ADD = insert(applicants, lambda statement: statement.on_conflict_do_nothing())
_REQUIRE_NEW = insert(applicants, lambda statement: required.one_row(statement.on_conflict_do_nothing()))
_LATEST = (
    select(verifications.c.applicant_id, applicants.c.fields)
    .outerjoin(
        applicants,
        (applicants.c.provider_id == verifications.c.provider_id)
        & (applicants.c.applicant_id == verifications.c.applicant_id),
    )
    .where(
        verifications.c.tenant == bindparam("of_tenant"),
        verifications.c.user_id == bindparam("of_user"),
        unindexed(verifications.c.provider_id) == bindparam("of_provider"),
        verifications.c.applicant_id.is_not(None),
        IS_HERE,
    )
    .order_by(verifications.c.created_at.desc())
    .limit(1)
)


@frozen
class KnownApplicant:
    """A user's applicant, and the names of the fields that were ever sent for it."""

    applicant_id: str
    fields: frozenset[str]


def add(connection: Connection, verification: Verification, applicant_id: str, fields: Collection[str]) -> Answer:
    """Record an applicant that was created with these fields; `complete` must be called with the answer."""
    return batch.execute(connection, _ADD(connection), _row(verification, applicant_id, fields))


def add_new(connection: Connection, verification: Verification, applicant_id: str, fields: Collection[str]) -> None:
    """Do the same; if this id was already recorded, the transaction fails with `NoRowError`."""
    batch.execute(connection, _REQUIRE_NEW(connection), _row(verification, applicant_id, fields))


def complete(
    connection: Connection, added: Answer, verification: Verification, applicant_id: str, fields: Collection[str]
) -> None:
    """Add the fields if this id was already recorded, in case Onfido returns one id twice."""
    if not added.rowcount:
        extend(connection, verification.provider_id, applicant_id, fields)


def extend(connection: Connection, provider_id: str, applicant_id: str, fields: Collection[str]) -> bool:
    """Record fields that are about to be sent for an applicant; False if all of them are recorded already."""
    key = {"of_provider": provider_id, "of_applicant": applicant_id}
    known = connection.execute(_LOCK, key).scalar_one_or_none()
    if known is None or set(fields) <= set(known):
        return False
    connection.execute(_CHANGE, {**key, "fields": sorted({*known, *fields})})
    return True


def find_latest(
    connection: Connection, verification: Verification, environment: str | None = None
) -> KnownApplicant | None:
    """Return the user's applicant with the provider: that of this verification, or of the latest with an applicant.

    None also if the sent fields are unknown, or the applicant is in another environment than the provider.
    """
    tenant, user_id, provider_id = verification.tenant, verification.user_id, verification.provider_id
    latest = ask_latest(connection, tenant, user_id, provider_id, environment)
    return latest[0] if latest else None


def ask_latest(
    connection: Connection, tenant: str, user_id: str, provider_id: str, environment: str | None
) -> Sequence[KnownApplicant | None]:
    """Return the same, if there is any; it is read when it is first accessed."""
    of_user = {"of_tenant": tenant, "of_user": user_id, "of_provider": provider_id, "of_environment": environment}
    return batch.execute(connection, _LATEST, of_user).each(_known)


def _row(verification: Verification, applicant_id: str, fields: Collection[str]) -> dict[str, Any]:
    return {
        "provider_id": verification.provider_id,
        "applicant_id": applicant_id,
        "verification_id": verification.verification_id,
        "fields": sorted(fields),
    }


def _known(row: Any) -> KnownApplicant | None:
    return None if row.fields is None else KnownApplicant(row.applicant_id, frozenset(row.fields))
