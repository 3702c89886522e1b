"""Binding a verification to the user's values: the values that are sent, and for which the claims are then verified.

A value that changes while it is being read and sent is detected: every change of a value marks the open attempts that
use it, and a marked attempt reads and sends again (`connector/services/values.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection

from connector.directory.local import AskedValues
from connector.domain.claims import fields_to_send
from connector.domain.frozen import frozen
from connector.domain.messages import claims_named, message
from connector.domain.providers.applicant import check_applicant, is_acceptable
from connector.domain.providers.applicant_values import missing_claims, replaces, values_of
from connector.domain.providers.provider import Provider
from connector.domain.studio.studio import OutputRole
from connector.domain.tenancy import Tenants
from connector.domain.text import fold, is_blank
from connector.domain.verifications.verification import VerificationClaim
from connector.errors import Code, RequestError
from connector.onfido.countries import as_onfido_writes
from connector.services.journal import Journal
from connector.services.not_found import unknown_user
from connector.services.starting.attempts import Attempt, Attempts, VerificationRequest
from connector.services.starting.known_user import KnownUser, ReadAhead
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.batch import Answer
from connector.store.claims import claims
from connector.store.engine import Database
from connector.store.vault import Fingerprints
from connector.store.verifications import verification_claims
from connector.store.verifications.applicants import KnownApplicant


@frozen
class ApplicantUpdate:
    """The update of a reused applicant, with the current values of all fields that were ever sent."""

    applicant: KnownApplicant
    fields: Mapping[str, str] = field(repr=False)

    def has_more_fields(self, fields: Collection[str]) -> bool:
        """Whether it sends more than these fields."""
        return not set(self.fields) <= set(fields)

    def sent_claims(self, mapping: Mapping[str, str]) -> dict[str, list[str]]:
        """Return the claims' URIs by applicant field, for the fields that the update changes: an address as a whole."""
        groups = {name.partition(".")[0] for name in self.fields}
        sent: dict[str, list[str]] = {}
        for uri, name in mapping.items():
            if name.partition(".")[0] in groups:
                sent.setdefault(name, []).append(uri)
        return sent


@frozen
class BoundValues:
    """The values to send, by applicant field and by workflow input, and the claims verified for these values.

    `fields` are those of a new applicant, used if `update` is None. `values` are all of the user's values, by claim
    URI. `has_outdated`: some of these claims are verified for other values.
    """

    fields: Mapping[str, str] = field(repr=False)
    values: Mapping[str, str] = field(repr=False)
    update: ApplicantUpdate | None
    custom_data: Mapping[str, Any] = field(repr=False)
    claims: Sequence[VerificationClaim]
    has_outdated: bool

    def is_known(self, applicant_id: str) -> bool:
        """Whether this applicant is the user's previous one."""
        return self.update is not None and self.update.applicant.applicant_id == applicant_id


@use_case
class Binding:
    """Reads users' values and binds verifications to them."""

    _database: Database
    _user_values: UserValues
    _tenants: Tenants
    _fingerprints: Fingerprints
    _attempts: Attempts
    _journal: Journal
    _clock: Callable[[], datetime]

    def ahead(self, provider: Provider, user_id: str, request: VerificationRequest) -> ReadAhead:
        """Prepare the first reading, so that its queries can be sent before there is an attempt."""
        tenant = self._tenants.named(provider.tenant)

        def ask(connection: Connection) -> AskedValues | None:
            if request.values is not None:
                return lambda: request.values
            return self._user_values.ask(connection, tenant, user_id)

        return ReadAhead(KnownUser(provider, user_id), ask)

    def read(self, attempt: Attempt, ahead: ReadAhead | None = None) -> BoundValues:
        """Read the values to send, unless they were read `ahead` with the commit of the attempt's verification.

        Raises `RequestError`: user unknown, a value is missing or invalid for Onfido, or nothing is left to
        verify.
        """
        user_id = attempt.verification.user_id
        if ahead is not None and not attempt.is_resumed and (asked := ahead.take()):
            known, values = ahead.known, asked()
        else:
            known = KnownUser(attempt.provider, user_id)
            reader, at_most = attempt.verification.verification_id, attempt.deadline.remaining()
            values = self._values(attempt.provider, user_id, attempt.request, known, reader=reader, at_most=at_most)
        if values is None:
            raise unknown_user(user_id)
        fields = select_values(attempt.provider, attempt.request, values)
        check_applicant({**fields, **attempt.request.plan.consents}, attempt.provider.claims)
        targets = self._bind(attempt.provider, user_id, attempt.request, values)
        return BoundValues(
            fields=fields,
            values=values,
            custom_data=attempt.request.plan.custom_data(values),
            claims=targets,
            update=_update(attempt, values, known.applicant),
            has_outdated=_compare(known, attempt.provider, attempt.request, targets),
        )

    def _values(
        self, provider: Provider, user_id: str, request: VerificationRequest, known: KnownUser, **limits: Any
    ) -> Mapping[str, str] | None:
        """Return the user's values, which may have come with the request, and read what is known of the user."""
        if request.values is not None:
            with self._database.read() as connection:
                known.ask(connection)
            return request.values
        tenant = self._tenants.named(provider.tenant)
        return self._user_values.read(tenant, user_id, request.access_token, ask=known.ask, **limits)

    def check_left(self, provider: Provider, user_id: str, request: VerificationRequest) -> None:
        """Raise `RequestError` if every requested claim is verified for the user's current value."""
        known = KnownUser(provider, user_id)
        values = self._values(provider, user_id, request, known) or {}
        _compare(known, provider, request, self._bind(provider, user_id, request, values))

    def _bind(
        self, provider: Provider, user_id: str, request: VerificationRequest, values: Mapping[str, str]
    ) -> list[VerificationClaim]:
        return [self._bound(provider.tenant, user_id, claim, values) for claim in request.claims(provider)]

    def _bound(
        self, tenant: str, user_id: str, claim: VerificationClaim, values: Mapping[str, str]
    ) -> VerificationClaim:
        value = values.get(claim.uri)
        if value is None or is_blank(value):
            return claim
        fingerprint = partial(self._fingerprints.of, tenant, user_id, claim.uri)
        folded = fingerprint(fold(value)) if claim.output_role is OutputRole.VALUE else None
        return replace(claim, fingerprint=fingerprint(value), folded_fingerprint=folded)

    def replace_claims(self, attempt: Attempt) -> None:
        """Replace the claims of a resumed verification with those of this request.

        This happens once it is clear that the request can be met, but before the values to send are read, so that a
        later change of a value marks the new rows. Raises as `read` does.
        """
        self.read(attempt)
        request = attempt.request
        with self._database.write() as connection:
            self._attempts.lock(connection, attempt, capture=request.plan.capture)
            targets = request.claims(attempt.provider)
            verification_claims.replace(connection, attempt.verification, targets, request.plan.tags)

    def bind(self, connection: Connection, attempt: Attempt, bound: BoundValues) -> Sequence[Answer]:
        """Record the values sent; `is_bound` then checks the answers."""
        return verification_claims.bind_values(connection, attempt.verification.verification_id, bound.claims)

    def bind_or_fail(self, connection: Connection, attempt: Attempt, bound: BoundValues) -> None:
        """Record the values sent; if one has changed since it was read, the transaction fails with `NoRowError`."""
        verification_claims.bind_values_or_fail(connection, attempt.verification.verification_id, bound.claims)

    def is_bound(self, connection: Connection, attempt: Attempt, bound: BoundValues, answers: Sequence[Answer]) -> bool:
        """Withdraw claims verified for other values than those sent; False if one has changed since it was read."""
        verification = attempt.verification
        if not verification_claims.are_bound(connection, verification.verification_id, answers):
            return False
        sent = {verification.user_id: _fingerprints(bound.claims)}
        withdrawn = claims.unverify_changed(connection, verification.tenant, sent, self._clock())
        self._journal.record(connection, withdrawn)
        return True

    def mark_overwritten(self, attempt: Attempt, bound: BoundValues, update: ApplicantUpdate) -> None:
        """Mark as stale the claims of other verifications whose applicant was sent other values since."""
        verification, mapping = attempt.verification, attempt.provider.claims
        sent = update.sent_claims(mapping)
        fingerprint = partial(self._fingerprints.of, verification.tenant, verification.user_id)
        fingerprints = {
            uri: None if is_blank(value := bound.values.get(uri, "")) else fingerprint(uri, value)
            for uris in sent.values()
            for uri in uris
        }
        with self._database.write() as connection:
            verification_claims.mark_overwritten(
                connection, verification, update.applicant.applicant_id, fingerprints, sent
            )


def _compare(
    known: KnownUser, provider: Provider, request: VerificationRequest, targets: Sequence[VerificationClaim]
) -> bool:
    """Return whether some are verified for other values; raise if all requested ones are verified for these."""
    current = _fingerprints(targets)
    held = [claim for claim in known.verified if current.get(claim.uri, claim.fingerprint) == claim.fingerprint]
    judged = {claim.uri for claim in targets if provider.missing_name is None or not claim.is_placeholder} & set(
        request.uris
    )
    if judged and {claim.uri for claim in held if claim.provider_id == provider.provider_id} >= judged:
        raise RequestError(
            Code.NOTHING_TO_VERIFY,
            message(
                "Every requested claim is verified already, and no value has changed since: request others, or none."
            ),
        )
    return len(held) < len(known.verified)


def _fingerprints(targets: Sequence[VerificationClaim]) -> dict[str, str | None]:
    """Return the fingerprints of the existing values; a claim without a value keeps its state."""
    return {claim.uri: claim.fingerprint for claim in targets if claim.fingerprint is not None}


def select_values(provider: Provider, request: VerificationRequest, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that Onfido needs for the requested claims, by applicant field.

    Raises `RequestError` if one is missing.
    """
    mapping, requested = provider.claims, request.fields(provider)
    fields = fields_to_send(frozenset(requested.values()), frozenset(mapping.values()))
    selected = values_of(mapping, fields, values, provider.missing_name)
    if missing := missing_claims(mapping, request.uris, values, selected):
        raise RequestError(
            Code.VALUE_MISSING,
            message("The user has no value for %(missing)s: set it, then ask again.", missing=claims_named(missing)),
            claims=missing,
        )
    return as_onfido_writes(selected)


def _update(attempt: Attempt, values: Mapping[str, str], known: KnownApplicant | None) -> ApplicantUpdate | None:
    """Return the update of an applicant; None if the applicant would keep an outdated value.

    Onfido keeps fields that an update does not name, and accepts no empty ones. So a value that was removed, or that
    Onfido would refuse, requires another applicant.
    """
    if known is None:
        return None
    mapping = attempt.provider.claims
    requested = frozenset(attempt.request.fields(attempt.provider).values())
    fields = fields_to_send(requested | known.fields, frozenset(mapping.values()))
    sent = as_onfido_writes(values_of(mapping, fields, values, attempt.provider.missing_name))
    return ApplicantUpdate(known, sent) if replaces(known.fields, sent) and is_acceptable(sent) else None
