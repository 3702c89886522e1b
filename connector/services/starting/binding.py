"""Binding a verification to the user's values: what is sent to Onfido, and what the claims are then verified for.

A value that changes while it is being read and sent is noticed: whoever changes one marks the open attempts that are
about it, and what was marked is read and sent again (`values_changed` in `people/claims.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from connector.directory import Directory
from connector.domain.applicant import check_applicant
from connector.domain.claims import REQUIRED_FIELDS, fields_to_send
from connector.domain.provider import Provider
from connector.domain.studio import OutputRole
from connector.domain.text import fold
from connector.domain.verification import VerificationClaim
from connector.errors import Code, RequestError
from connector.services.journal import Journal
from connector.services.starting.attempts import Attempt, Attempts, Wanted
from connector.store import claims, verification_claims, verifications
from connector.store.engine import Database
from connector.store.vault import Fingerprints


@dataclass(frozen=True)
class BoundValues:
    """What is sent, by applicant field and by the workflow's own input, and the claims that are verified for it.

    `applicant_id` is the user's at Onfido, None where there is none yet. `has_outdated`: some of these claims are
    verified for other values.
    """

    fields: Mapping[str, str] = field(repr=False)
    custom_data: Mapping[str, Any] = field(repr=False)
    claims: Sequence[VerificationClaim]
    applicant_id: str | None
    has_outdated: bool


class Binding:
    """Reads users' values and binds attempts to them."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        fingerprints: Fingerprints,
        attempts: Attempts,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._fingerprints = fingerprints
        self._attempts = attempts
        self._journal = journal
        self._clock = clock

    def read(self, attempt: Attempt) -> BoundValues:
        """Read the values to send.

        Raises `RequestError`: user unknown, a value is missing or one that Onfido would refuse, or nothing is left to
        verify.
        """
        tenant, user_id = attempt.provider.tenant, attempt.verification.user_id
        values = self._directory.values(tenant, user_id)
        if values is None:
            raise RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}.")
        fields = {**_select(attempt, values), **attempt.wanted.plan.consents}
        check_applicant(fields, attempt.provider.claims)
        about = self._bind(attempt.provider, user_id, attempt.wanted, values)
        with self._database.read() as connection:
            return BoundValues(
                fields=fields,
                custom_data=attempt.wanted.plan.custom_data(values),
                claims=about,
                applicant_id=verifications.find_applicant(connection, attempt.verification),
                has_outdated=_compare(connection, attempt.provider, user_id, attempt.wanted, about),
            )

    def check_left(self, provider: Provider, user_id: str, wanted: Wanted) -> None:
        """Raise `RequestError` where every requested claim is verified for the value that the user has."""
        values = self._directory.values(provider.tenant, user_id) or {}
        about = self._bind(provider, user_id, wanted, values)
        with self._database.read() as connection:
            _compare(connection, provider, user_id, wanted, about)

    def _bind(
        self, provider: Provider, user_id: str, wanted: Wanted, values: Mapping[str, str]
    ) -> list[VerificationClaim]:
        return [self._bound(provider.tenant, user_id, claim, values) for claim in wanted.about(provider)]

    def _bound(
        self, tenant: str, user_id: str, claim: VerificationClaim, values: Mapping[str, str]
    ) -> VerificationClaim:
        value = values.get(claim.uri)
        if not value:
            return claim
        fingerprint = partial(self._fingerprints.of, tenant, user_id, claim.uri)
        folded = fingerprint(fold(value)) if claim.output_role is OutputRole.VALUE else None
        return replace(claim, fingerprint=fingerprint(value), folded_fingerprint=folded)

    def replace_claims(self, attempt: Attempt) -> None:
        """Let a resumed attempt be about the claims of this request, in place of those of the one that broke off.

        Not before it is clear that this request can be met; but before the values to send are read: a change from
        then on finds the new rows. Raises as `read` does.
        """
        self.read(attempt)
        verification_id, wanted = attempt.verification.verification_id, attempt.wanted
        with self._database.write() as connection:
            self._attempts.lock(connection, attempt, capture=wanted.plan.capture)
            about = wanted.about(attempt.provider)
            verification_claims.replace(connection, verification_id, about, wanted.plan.tags)

    def record(self, connection: Connection, attempt: Attempt, bound: BoundValues) -> bool:
        """Record what was sent, the attempt being locked; False where a value has changed since it was read."""
        verification = attempt.verification
        if not verification_claims.bind_values(connection, verification.verification_id, bound.claims):
            return False
        if bound.has_outdated:
            tenant, user_id = verification.tenant, verification.user_id
            sent = _fingerprints(bound.claims)
            withdrawn = claims.unverify_changed(connection, tenant, {user_id: sent}, self._clock())
            self._journal.record(connection, withdrawn)
        return True


def _compare(
    connection: Connection, provider: Provider, user_id: str, wanted: Wanted, about: Sequence[VerificationClaim]
) -> bool:
    """Return whether some are verified for other values; raise where all requested ones are for these."""
    known = _fingerprints(about)
    verified = claims.find_verified(connection, provider.tenant, user_id)
    held = [claim for claim in verified if known.get(claim.uri, claim.fingerprint) == claim.fingerprint]
    if {claim.uri for claim in held if claim.provider_id == provider.provider_id} >= set(wanted.uris):
        raise RequestError(
            Code.NOTHING_TO_VERIFY, "Every requested claim is verified already, and no value has changed since."
        )
    return len(held) < len(verified)


def _fingerprints(about: Sequence[VerificationClaim]) -> dict[str, str | None]:
    """Give the fingerprints of the values that there are; a claim without one holds as it was verified."""
    return {claim.uri: claim.fingerprint for claim in about if claim.fingerprint is not None}


def _select(attempt: Attempt, values: Mapping[str, str]) -> dict[str, str]:
    """Give the values that Onfido needs for the requested claims, by applicant field; raises where one is missing."""
    mapped, requested = attempt.provider.claims, attempt.wanted.fields(attempt.provider)
    fields = fields_to_send(frozenset(requested.values()), frozenset(mapped.values()))
    wanted = {uri: name for uri, name in mapped.items() if name in fields}
    required = {uri for uri, name in wanted.items() if uri in requested or name in REQUIRED_FIELDS}
    if missing := sorted(uri for uri in required if not values.get(uri)):
        raise RequestError(Code.VALUE_MISSING, f"The user has no value for {', '.join(missing)}.")
    return {name: values[uri] for uri, name in wanted.items() if values.get(uri)}
