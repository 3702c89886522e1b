"""Corrections of claims by administrators, and their validation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.domain.audit.history import ADMINISTRATOR, CLAIM, Change
from connector.domain.claims import Claim, ClaimState
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.errors import Code, RequestError
from connector.services.not_found import unknown_providers
from connector.store.claims import claims
from connector.store.providers import providers


@frozen
class ClaimEntry:
    """A claim as an administrator sends it."""

    uri: str
    provider_id: str
    is_verified: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)


@frozen
class SeenClaim:
    """The state on which a correction is based; `value` is the fingerprint of the user's value, None without one."""

    is_verified: bool
    verification_status: str | None
    value: str | None


def new_rows(
    tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], fingerprints: Mapping[str, str | None], now: datetime
) -> list[dict[str, Any]]:
    """Return the rows of claims that an administrator adds; `fingerprints` are those of the user's values, by URI."""
    return [
        {
            "id": new_id(),
            "tenant": tenant.name,
            "provider_id": entry.provider_id,
            "user_id": user_id,
            "uri": entry.uri,
            "verification_id": None,
            "verification_status": None,
            "created_at": now,
        }
        | correction_of(entry, fingerprints[entry.uri], now)
        for entry in sorted(entries, key=lambda entry: (entry.uri, entry.provider_id))
    ]


def correction_of(entry: ClaimEntry, fingerprint: str | None, now: datetime) -> dict[str, Any]:
    """Return an administrator's correction of a claim, valid for the value with this fingerprint."""
    return {
        "is_verified": entry.is_verified,
        "environment": None,
        "fingerprint": fingerprint,
        "metadata": dict(entry.metadata),
        "updated_at": now,
    }


def correction_entry(
    tenant: Tenant, user_id: str, entry: ClaimEntry, claim: Claim | None, actor: str, now: datetime
) -> Change:
    """Return the entry in the history for a correction."""
    state = ClaimState(entry.is_verified, None)
    before = ClaimState(claim.is_verified, claim.verification_status).label if claim else None
    return Change(
        at=now,
        tenant=tenant.name,
        subject=CLAIM,
        name=entry.uri,
        previous=before,
        current=state.label,
        cause=ADMINISTRATOR,
        provider_id=entry.provider_id,
        verification_id=claim.verification_id if claim else None,
        user_id=user_id,
        actor=actor,
        detail={"metadata": sorted(entry.metadata)},
    )


def check_providers(
    connection: Connection, tenant: Tenant, provider_ids: Collection[str], *, share: bool = False
) -> None:
    """Raise for providers that the tenant does not have; with `share`, the others cannot be removed meanwhile."""
    known = providers.find_known(connection, tenant.name, provider_ids, share=share)
    if missing := sorted(set(provider_ids) - known):
        raise unknown_providers(missing)


def find_named(connection: Connection, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry]) -> Sequence[Claim]:
    """Return the claims that some entries name."""
    named = {(entry.uri, entry.provider_id) for entry in entries}
    known = claims.find_all(connection, tenant.name, user_id)
    return [claim for claim in known if (claim.uri, claim.provider_id) in named]


@contextmanager
def conflict() -> Iterator[None]:
    """Translate the constraint violation of a second claim into the contract's error."""
    try:
        yield
    except IntegrityError as error:
        raise RequestError(
            Code.CLAIM_EXISTS, message("One of the claims exists already, or is named twice: update it instead.")
        ) from error


def removed(user_id: str) -> RequestError:
    """Return the error for a claim that was removed during its correction."""
    return RequestError(
        Code.CLAIM_NOT_FOUND,
        message(
            "A claim of the user %(user_id)s was removed meanwhile: list the user's claims, then ask again.",
            user_id=user_id,
        ),
    )
