"""Binding a verification to the user's values: what is sent to Onfido, and what the claims are then verified for.

    `folded` are the fingerprints of folded values, of the claims whose value the workflow's output holds.
A value that changes while it is being read and sent is noticed: whoever changes one marks the open attempts that are
about it, and what was marked is read again (`value_changed` in `claims.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from connector.directory import Directory
from connector.domain.applicant import check_applicant
from connector.domain.claims import REQUIRED_FIELDS, fields_to_send, fold
from connector.domain.studio import OutputRole
from connector.errors import Code, RequestError
from connector.services.attempts import ROUNDS, Attempt, Attempts
from connector.store import attempt_claims, claims
from connector.store.engine import Database
from connector.store.vault import Fingerprints


@dataclass(frozen=True)
class BoundValues:
    """What is sent, by applicant field and by the workflow's own input, and what the claims are then verified for.

    `folded` are the fingerprints of folded values, of the claims whose value the workflow's output holds.
    """

    fields: Mapping[str, str] = field(repr=False)
    custom_data: Mapping[str, Any] = field(repr=False)
    fingerprints: Mapping[str, str]
    folded: Mapping[str, str]


class Binding:
    """Reads users' values and binds attempts to them."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        fingerprints: Fingerprints,
        attempts: Attempts,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._fingerprints = fingerprints
        self._attempts = attempts
        self._clock = clock

    def bind(self, attempt: Attempt) -> BoundValues:
        """Read the values to send, and record which ones the verification will hold for.

        Raises `RequestError`: user unknown, a value is missing or one that Onfido would refuse, or nothing is left to
        verify.
        """
        if attempt.is_resumed:
            self._replace_claims(attempt)
        for _ in range(ROUNDS):
            bound = self._read_values(attempt)
            if self._record_values(attempt, bound):
                return bound
        raise RequestError(Code.NOTHING_TO_START, "The user's values keep changing: ask again in a moment.")

    def _read_values(self, attempt: Attempt) -> BoundValues:
        tenant, user_id = attempt.provider.tenant, attempt.verification.user_id
        values = self._directory.values(tenant, user_id)
        if values is None:
            raise RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}.")
        fields = {**_select(attempt, values), **attempt.wanted.plan.consents}
        check_applicant(fields, attempt.provider.claims)
        known = [claim for claim in attempt.wanted.about(attempt.provider) if values.get(claim.uri)]
        fingerprint = partial(self._fingerprints.of, tenant, user_id)
        return BoundValues(
            fields=fields,
            custom_data=attempt.wanted.plan.custom_data(values),
            fingerprints={claim.uri: fingerprint(claim.uri, values[claim.uri]) for claim in known},
            folded={
                claim.uri: fingerprint(claim.uri, fold(values[claim.uri]))
                for claim in known
                if claim.output_role is OutputRole.VALUE
            },
        )

    def _replace_claims(self, attempt: Attempt) -> None:
        """Let the attempt be about the claims of this request, in place of those of the one that broke off.

        Not before it is clear that this request can be met; but before the values to send are read: a change from
        then on finds the new rows.
        """
        bound, wanted = self._read_values(attempt), attempt.wanted
        with self._database.write() as connection:
            self._attempts.lock(connection, attempt, capture=wanted.plan.capture)
            _check_needed(connection, attempt, bound.fingerprints)
            about, verification_id = wanted.about(attempt.provider), attempt.verification.verification_id
            attempt_claims.replace(connection, verification_id, about, wanted.plan.tags)

    def _record_values(self, attempt: Attempt, bound: BoundValues) -> bool:
        """Record what is sent; False where a value has changed since it was read."""
        verification, fingerprints = attempt.verification, bound.fingerprints
        with self._database.write() as connection:
            self._attempts.lock(connection, attempt)
            if not attempt_claims.bind_values(connection, verification.verification_id, fingerprints, bound.folded):
                return False
            tenant, user_id = verification.tenant, verification.user_id
            has_claims = not fingerprints or claims.unverify_changed(
                connection, tenant, user_id, fingerprints, self._clock()
            )
            if has_claims:
                _check_needed(connection, attempt, fingerprints)
            return True


def _check_needed(connection: Connection, attempt: Attempt, fingerprints: Mapping[str, str]) -> None:
    """Raise where every requested claim is verified for the value that the user has, if there is one."""
    verification, wanted = attempt.verification, attempt.wanted.uris
    tenant, user_id, provider_id = verification.tenant, verification.user_id, verification.provider_id
    known = claims.find_all(connection, tenant, user_id, provider_id, wanted)
    held = {
        claim.uri
        for claim in known
        if claim.is_verified and claim.fingerprint == fingerprints.get(claim.uri, claim.fingerprint)
    }
    if held == set(wanted):
        raise RequestError(
            Code.NOTHING_TO_START, "Every requested claim is verified already, and no value has changed since."
        )


def _select(attempt: Attempt, values: Mapping[str, str]) -> dict[str, str]:
    """Give the values that Onfido needs for the requested claims, by applicant field; raises where one is missing."""
    mapped, requested = attempt.provider.claims, attempt.wanted.fields(attempt.provider)
    fields = fields_to_send(frozenset(requested.values()), frozenset(mapped.values()))
    wanted = {uri: name for uri, name in mapped.items() if name in fields}
    required = {uri for uri, name in wanted.items() if uri in requested or name in REQUIRED_FIELDS}
    if missing := sorted(uri for uri in required if not values.get(uri)):
        raise RequestError(Code.VALUE_MISSING, f"The user has no value for {', '.join(missing)}.")
    return {name: values[uri] for uri, name in wanted.items() if values.get(uri)}
