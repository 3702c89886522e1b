"""The facts of one user's page: attributes with their origin, verifications, deliveries, last changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import g

from connector.console.claim_names import in_order
from connector.console.deliveries.rows import what
from connector.console.descriptions import description_of
from connector.console.ground import use_cases
from connector.domain.assurance import ProvenClaim
from connector.domain.audit.history import AuditFilter
from connector.domain.claims import Claim
from connector.domain.deliveries import DeliveryFilter
from connector.domain.frozen import frozen
from connector.domain.people.user_status import ClaimStatus, ProviderStatus
from connector.domain.verifications.verification import VerificationFilter
from connector.errors import DirectoryError
from connector.services.application.deliveries import Deliveries
from connector.services.lookup.audit import Audit
from connector.services.lookup.user_status import UserStatuses
from connector.services.lookup.verifications import VerificationLookup
from connector.services.people.claims import Claims

SHOWN = 10  # verifications, deliveries, changes


@frozen
class Attribute:
    """An attribute with one provider; `claim` is None if it was never part of a verification."""

    provider: ProviderStatus
    status: ClaimStatus
    claim: Claim | None
    proven: ProvenClaim | None
    value: str | None


def facts_of(user_id: str, values: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the facts; raise `RequestError` if nothing is known of the user."""
    try:
        statuses: UserStatuses = use_cases().user_statuses
        providers = statuses.get(g.tenant, user_id).providers
        problem = ""
    except DirectoryError as error:
        providers, problem = (), description_of(error)
    attributes = _attributes(user_id, providers, values)
    lookup: VerificationLookup = use_cases().lookup
    page = lookup.page(g.tenant, VerificationFilter(user_id=user_id), limit=SHOWN)
    verification_ids = [each.verification.verification_id for each in page.rows]
    return {
        "attributes": attributes,
        "providers": providers,
        "directory_problem": problem,
        "verified": len({each.status.uri for each in attributes if each.status.is_verified}),
        "verifiable": len({each.status.uri for each in attributes}),
        "next_attempt_at": _next_attempt(providers),
        "verifications": [each.verification for each in page.rows],
        "counts": lookup.count_verified(page.rows),
        "has_more": page.next_cursor is not None,
        "deliveries": _deliveries(verification_ids),
        "changes": _changes(user_id),
        "directory": g.tenant.directory.kind,
        "what_of": what,
    }


def _attributes(user_id: str, providers: Sequence[ProviderStatus], values: Mapping[str, str] | None) -> list[Attribute]:
    claims: Claims = use_cases().claims
    known = {(each.provider_id, each.uri): each for each in claims.all(g.tenant, user_id)} if providers else {}
    proven = claims.proven(g.tenant, user_id)
    return [
        Attribute(
            provider,
            status,
            known.get((provider.provider.provider_id, status.uri)),
            proven.get(status.uri) if status.is_verified else None,
            (values or {}).get(status.uri),
        )
        for provider in providers
        for status in in_order(provider.claims, lambda status: status.uri)
    ]


def _next_attempt(providers: Sequence[ProviderStatus]) -> datetime | None:
    return max((each.next_attempt_at for each in providers if each.next_attempt_at), default=None)


def _deliveries(verification_ids: Sequence[str]) -> Sequence[Any]:
    deliveries: Deliveries = use_cases().deliveries
    return deliveries.page(g.tenant, DeliveryFilter(verification_ids=verification_ids), limit=SHOWN).rows


def _changes(user_id: str) -> Sequence[Any]:
    audit: Audit = use_cases().audit
    return audit.page(g.tenant, AuditFilter(user_id=user_id), limit=SHOWN).rows
