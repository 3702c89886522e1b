"""Statements on verifications: one row is one verification of a user through a provider.

A request that starts a verification holds a lease on the row (`lease_owner`, `lease_until`) and repeats it as a fence
in every statement. The partial unique index `uq_verifications_open` allows one verification that is not closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    delete,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate, Update

from connector.domain.verifications.verification import Verification, VerificationClaim
from connector.errors import Code, RequestError
from connector.store import batch, required
from connector.store.batch import Answer
from connector.store.deliveries.audience import HAS_AUDIENCE
from connector.store.hidden import IS_REGISTERED, is_of_registered
from connector.store.models import providers, verifications
from connector.store.models import verification_claims as claims_table
from connector.store.pages import unindexed
from connector.store.times import UtcDateTime
from connector.store.verifications import verification_claims
from connector.store.verifications.fences import Fence, Lease

_ID = verifications.c.id.label("verification_id")
_COLUMNS = [_ID if each.name == _ID.name else verifications.c[each.name] for each in fields(Verification)]
IS_THERE = is_of_registered(verifications.c.provider_id)
# In a form without an index: until it has statistics, PostgreSQL would read all open verifications instead of one row.
IS_OPEN = case((verifications.c.closed_at.is_(None), literal_column("1"))) == literal_column("1")
_IS_RUN = (
    unindexed(verifications.c.provider_id) == bindparam("of_provider"),
    verifications.c.run_id == bindparam("of_run"),
)
SELECT = select(*_COLUMNS).where(IS_THERE)
_INSERT = insert(verifications).returning(*_COLUMNS)
FIND = SELECT.where(verifications.c.id == bindparam("verification_id"))
_LOCK_RUN = SELECT.where(*_IS_RUN).with_for_update()
# Under a share lock of the provider, it cannot be removed: the search for removed ones takes time.
LOCK_RUN_OF_SHARED = select(*_COLUMNS, HAS_AUDIENCE).where(*_IS_RUN).with_for_update()
_CHANGE_OF_SHARED = update(verifications).where(verifications.c.id == bindparam("of"), IS_OPEN)
_CHANGE = _CHANGE_OF_SHARED.where(IS_THERE)
_CHANGE_UNDER_LEASE = _CHANGE.where(verifications.c.lease_owner == bindparam("of_owner"))
_REQUIRE_LEASE = required.one_row(_CHANGE_UNDER_LEASE.returning(verifications.c.id))
# Lock order: the provider before the verification. Claims are inserted next, which takes a shared lock on their
# provider, and the removal of a provider locks it first.
SHARED_PROVIDER = (
    select(providers.c.id)
    .where(
        providers.c.id == bindparam("of_provider"),
        IS_REGISTERED,
        ~providers.c.has_lapsed_claims | bindparam("with_lapsed", type_=Boolean()),
    )
    .with_for_update(read=True, key_share=True)
    .cte("shared_provider")
)
_HAS_NO_RUN = (verifications.c.run_requested_at.is_(None), verifications.c.run_id.is_(None))
_WRITE_WITH_RUN = required.one_row(
    _CHANGE_UNDER_LEASE.where(verifications.c.provider_id == SHARED_PROVIDER.c.id).returning(verifications.c.id)
)
_WRITE_WITHOUT_RUN = _CHANGE_UNDER_LEASE.where(*_HAS_NO_RUN)
_IS_OF_USER = (
    verifications.c.tenant == bindparam("of_tenant"),
    verifications.c.user_id == bindparam("of_user"),
    unindexed(verifications.c.provider_id) == bindparam("of_provider"),
)


def is_in(environment: ColumnElement[str | None]) -> ColumnElement[bool]:
    """Return the condition that a verification may be in an environment; either may be unknown."""
    return or_(verifications.c.environment.is_(None), environment.is_(None), verifications.c.environment == environment)


IS_HERE = is_in(bindparam("of_environment", type_=verifications.c.environment.type))
_OF_USER = SELECT.where(*_IS_OF_USER).order_by(verifications.c.created_at.desc())

NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
RELEASED: dict[str, Any] = {"lease_until": datetime(1970, 1, 1, tzinfo=UTC)}  # over, by any clock; the owner is a fence


class RemovedError(RequestError):
    """The verification no longer exists: its user or its provider was removed meanwhile."""

    def __init__(self) -> None:
        super().__init__(
            Code.NO_VERIFICATION,
            "The verification was removed meanwhile, with its user or its provider: check both, then start another.",
        )


def reserve(
    connection: Connection,
    verification: Mapping[str, Any],
    claims: Sequence[VerificationClaim],
    tags: Collection[str],
    lease: Lease,
) -> Sequence[Verification]:
    """Insert a verification with its claims and tags, and return it on first access.

    If one is open already, this raises `IntegrityError`.
    """
    row = dict(verification) | {"lease_owner": lease.owner, "lease_until": lease.until}
    reserved = batch.execute(connection, _INSERT, row)
    verification_claims.add(connection, row["id"], claims)
    verification_claims.add_tags_of(connection, row["id"], row["provider_id"], row["created_at"], tags)
    return reserved.each(read_row)


def take_over(connection: Connection, verification: Verification, lease: Lease) -> bool:
    """Acquire the lease of an interrupted initiation; False if another request was faster."""
    statement = _CHANGE.where(
        verifications.c.lease_owner == verification.lease_owner,
        verifications.c.lease_until == verification.lease_until,
    )
    taken = {"of": verification.verification_id, "lease_owner": lease.owner, "lease_until": lease.until}
    return connection.execute(statement, taken).rowcount == 1


def advance(connection: Connection, verification_id: str, owner: str, values: Mapping[str, Any]) -> Answer:
    """Record the initiation's progress, under its lease; no row if the lease was lost."""
    advanced = {"of": verification_id, "of_owner": owner, **_without_status(values)}
    return batch.execute(connection, _CHANGE_UNDER_LEASE, advanced)


def advance_or_fail(connection: Connection, verification_id: str, owner: str, values: Mapping[str, Any]) -> None:
    """Do the same; if the lease was lost, the transaction fails with `NoRowError`."""
    advanced = {"of": verification_id, "of_owner": owner, **_without_status(values)}
    batch.execute(connection, _REQUIRE_LEASE, advanced)


def record_run(connection: Connection, verification: Verification, fence: Fence, values: Mapping[str, Any]) -> None:
    """Write the data of a run that is already recorded; the transaction fails as in `set_status`."""
    _write(connection, verification, _without_status(values), fence)


def set_status(
    connection: Connection,
    verification: Verification,
    values: Mapping[str, Any],
    fence: Fence | None = None,
    *,
    is_shared: bool = False,
) -> Answer:
    """Write a status and other values; no row if the verification is closed or the fence does not hold.

    If a run is recorded under a fence that does not hold, the transaction fails with `NoRowError`. With `is_shared` the
    transaction holds a share lock of the provider.
    """
    return _write(connection, verification, values, fence, _CHANGE_OF_SHARED if is_shared else _CHANGE)


def discard(connection: Connection, verification_id: str, owner: str) -> bool:
    """Delete a verification that Onfido knows nothing of; False if there is an applicant, or may be a run."""
    is_unknown = (verifications.c.lease_owner == owner, *_HAS_NO_RUN, verifications.c.applicant_id.is_(None))
    statement = delete(verifications).where(verifications.c.id == verification_id, *is_unknown)
    return connection.execute(statement).rowcount == 1


def change(connection: Connection, verification_id: str, values: Mapping[str, Any]) -> Answer:
    """Change an open verification, except its status; no row if it is closed."""
    return batch.execute(connection, _CHANGE, {"of": verification_id, **_without_status(values)})


def find_open(connection: Connection, provider_id: str, user_id: str) -> Verification | None:
    """Return the user's open verification with a provider."""
    return one(
        connection,
        SELECT.where(
            verifications.c.provider_id == provider_id,
            verifications.c.user_id == user_id,
            verifications.c.closed_at.is_(None),
        ),
    )


def find_latest(
    connection: Connection, provider_id: str, user_id: str, tenant: str, uris: Sequence[str]
) -> Verification | None:
    """Return the user's latest verification that covers all of these claims."""
    claims = [
        select(claims_table.c.uri)
        .where(claims_table.c.verification_id == verifications.c.id, claims_table.c.uri == uri)
        .exists()
        for uri in uris
    ]
    return one(connection, _OF_USER.where(*claims).limit(1), _of_user(tenant, user_id, provider_id))


def get(connection: Connection, verification_id: str) -> Verification:
    """Return a verification that existed a moment ago; raises `RemovedError` if it was removed meanwhile."""
    verification = find(connection, verification_id)
    if verification is None:
        raise RemovedError
    return verification


def lock(connection: Connection, verification_id: str) -> Verification | None:
    """Lock and return a verification, if it still exists."""
    return one(connection, FIND.with_for_update(), {"verification_id": verification_id})


def lock_run(connection: Connection, provider_id: str, run_id: str) -> Verification | None:
    """Lock and return the verification that a run belongs to."""
    return one(connection, _LOCK_RUN, {"of_provider": provider_id, "of_run": run_id})


def find_known_runs(connection: Connection, provider_id: str, run_ids: Collection[str]) -> set[str]:
    """Return which of some runs belong to a verification with the provider."""
    known = (unindexed(verifications.c.provider_id) == provider_id, verifications.c.run_id.in_(run_ids))
    return set(connection.execute(select(verifications.c.run_id).where(*known)).scalars())


def find_due(connection: Connection, now: datetime, limit: int) -> list[Verification]:
    """Return open verifications whose check is overdue, the longest overdue first; no two sweeps get the same."""
    statement = (
        SELECT.where(verifications.c.closed_at.is_(None), verifications.c.next_check_at <= now)
        .order_by(verifications.c.next_check_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [read_row(row) for row in connection.execute(statement)]


def postpone(connection: Connection, checks: Mapping[str, datetime]) -> None:
    """Set the next check of verifications, by their ids."""
    if checks:
        connection.execute(
            update(verifications)
            .where(verifications.c.id == bindparam("of"))
            .values(next_check_at=bindparam("at", type_=UtcDateTime)),
            [{"of": verification_id, "at": at} for verification_id, at in sorted(checks.items())],
        )


def find(connection: Connection, verification_id: str) -> Verification | None:
    """Return a verification, if it still exists."""
    return one(connection, FIND, {"verification_id": verification_id})


def _write(
    connection: Connection,
    verification: Verification,
    values: Mapping[str, Any],
    fence: Fence | None,
    unfenced: Update = _CHANGE,
) -> Answer:
    parameters = {"of": verification.verification_id, **values}
    if fence is None:
        return batch.execute(connection, unfenced, parameters)
    parameters["of_owner"] = fence.owner
    if fence.has_no_run:
        return batch.execute(connection, _WRITE_WITHOUT_RUN, parameters)
    of_provider = {"of_provider": verification.provider_id, "with_lapsed": fence.with_lapsed}
    return batch.execute(connection, _WRITE_WITH_RUN, parameters | of_provider)


def _without_status(values: Mapping[str, Any]) -> Mapping[str, Any]:
    if "status" in values:
        raise ValueError("only set_status writes a status")
    return values


def _of_user(tenant: str, user_id: str, provider_id: str) -> dict[str, str]:
    return {"of_tenant": tenant, "of_user": user_id, "of_provider": provider_id}


def one(
    connection: Connection,
    statement: Select[Any] | ReturningUpdate[Any],
    parameters: Mapping[str, object] | None = None,
) -> Verification | None:
    """Return the one verification that a statement finds."""
    row = connection.execute(statement, parameters).one_or_none()
    return None if row is None else read_row(row)


def read_row(row: Row[*tuple[Any, ...]]) -> Verification:
    """Read a row of `SELECT`, whose columns are in the order of the fields."""
    return Verification(*row)
