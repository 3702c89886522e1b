"""Administration of applicants at Onfido.

update ──► the user's current values of all mapped claims are sent to Onfido, also while a run is open; a value that the
           user has removed stays there: the next INITIATED creates another applicant
delete ──► Onfido deletes the applicant in some days; an open verification is closed here, because its run can no longer
           be completed, and the user's next INITIATED creates another applicant
restore ─► the deletion is cancelled: the next INITIATED uses the applicant again
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.history import ADMINISTRATOR, APPLICANT, SYSTEM, Change, of_verification
from connector.domain.claims import APPLICANT_FIELDS
from connector.domain.messages import message
from connector.domain.providers.applicant import check_applicant, without_incomplete_address
from connector.domain.providers.applicant_values import values_of
from connector.domain.providers.provider import Provider
from connector.domain.tenancy import Tenant
from connector.domain.utc import timestamp
from connector.domain.verifications.verification import Verification
from connector.errors import Code, OnfidoError, RequestError
from connector.onfido.countries import as_onfido_writes
from connector.onfido.payloads import applicant_fields
from connector.services.journal import Journal
from connector.services.not_found import unknown_user
from connector.services.providers.onfido import Onfido
from connector.services.providers.registry import Providers
from connector.services.results.ending import end_verification
from connector.services.timing import Timing
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.engine import Database
from connector.store.vault import Fingerprints
from connector.store.verifications import applicants, verification_claims, verification_finds, verifications


@use_case
class Applicants:
    """Administers the applicants of one tenant's users; each method takes the tenant.

    Each raises `RequestError`: provider unknown, or none of its verifications has the applicant; and `OnfidoError` if
    Onfido refuses, fails or is unreachable.
    """

    _database: Database
    _providers: Providers
    _onfido: Onfido
    _user_values: UserValues
    _fingerprints: Fingerprints
    _journal: Journal
    _timing: Timing
    _clock: Callable[[], datetime]

    def update(self, tenant: Tenant, provider_id: str, applicant_id: str, actor: str = SYSTEM) -> None:
        """Send the user's current values; claims that an open run has bound to other values stay unverified.

        Raises `RequestError` also if there are no values, Onfido would refuse one, or the applicant is deleted.
        """
        provider, verification = self._find(tenant, provider_id, applicant_id)
        fields, values = self._prepare(tenant, provider, verification)
        onfido = self._onfido.of_provider(provider, self._timing.interactive())
        with (
            self._binding(provider, verification, values),
            _unless_gone(applicant_id, "it can be restored for a limited time"),
        ):
            onfido.update_applicant(applicant_id, applicant_fields(fields))
        with self._database.write() as connection:
            self._journal.record(connection, [self._entry(verification, "updated", actor, {"claims": sorted(values)})])

    def delete(self, tenant: Tenant, provider_id: str, applicant_id: str, actor: str = SYSTEM) -> None:
        """Ask Onfido to delete the applicant; if it is deleted already, this succeeds."""
        provider, verification = self._find(tenant, provider_id, applicant_id)
        onfido = self._onfido.of_provider(provider, self._timing.interactive())
        try:
            onfido.delete_applicant(applicant_id)
        except OnfidoError as error:
            if not error.is_gone:
                raise
        delete_at = None
        with suppress(OnfidoError):  # for information only
            delete_at = onfido.find_deletion(applicant_id)
        with self._database.write() as connection:
            deleted = self._entry(
                verification, "deleted", actor, {"deleteAt": timestamp(delete_at)} if delete_at else {}
            )
            self._journal.record(connection, [deleted, *self._end_open(connection, verification, actor)])

    def restore(self, tenant: Tenant, provider_id: str, applicant_id: str, actor: str = SYSTEM) -> None:
        """Cancel a deletion that Onfido has not completed yet."""
        provider, verification = self._find(tenant, provider_id, applicant_id)
        onfido = self._onfido.of_provider(provider, self._timing.interactive())
        with _unless_gone(applicant_id, "it is too late to restore it"):
            onfido.restore_applicant(applicant_id)
        with self._database.write() as connection:
            self._journal.record(connection, [self._entry(verification, "restored", actor, {})])

    def _find(self, tenant: Tenant, provider_id: str, applicant_id: str) -> tuple[Provider, Verification]:
        """Return the provider and the latest verification of the applicant."""
        provider = self._providers.get(tenant, provider_id)
        with self._database.read() as connection:
            verification = verification_finds.find_of_applicant(connection, provider_id, applicant_id)
        if verification is None:
            raise RequestError(
                Code.APPLICANT_NOT_FOUND,
                message(
                    "No verification with %(name)s has an applicant %(applicant_id)s: check the id.",
                    name=provider.name,
                    applicant_id=applicant_id,
                ),
            )
        return provider, verification

    def _prepare(
        self, tenant: Tenant, provider: Provider, verification: Verification
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the values to send, by applicant field and by claim, after committing which fields will be sent.

        An address that Onfido would refuse is left out.
        """
        is_recorded = False
        while not is_recorded:
            values = self._values(tenant, verification.user_id)
            sent = values_of(provider.claims, APPLICANT_FIELDS, values, provider.missing_name)
            fields = without_incomplete_address(as_onfido_writes(sent))
            if not fields:
                raise RequestError(
                    Code.VALUE_MISSING,
                    message("The user has no value for any claim that the provider maps: set one, then ask again."),
                )
            check_applicant(fields, provider.claims)
            is_recorded = not self._record(verification, fields)
        return fields, {uri: values[uri] for uri, name in provider.claims.items() if name in fields and uri in values}

    def _values(self, tenant: Tenant, user_id: str) -> Mapping[str, str]:
        values = self._user_values.read(tenant, user_id)
        if values is None:
            raise unknown_user(user_id)
        return values

    def _record(self, verification: Verification, fields: Collection[str]) -> bool:
        """Commit which fields will have been sent for the applicant; False if they are recorded already."""
        with self._database.write() as connection:
            return applicants.extend(connection, verification.provider_id, verification.applicant_id or "", fields)

    @contextmanager
    def _binding(self, provider: Provider, verification: Verification, values: Mapping[str, str]) -> Iterator[None]:
        """Mark as stale the claims that the user's verifications have bound to other values, including new ones."""
        tenant, user_id = verification.tenant, verification.user_id
        fingerprints = {uri: self._fingerprints.of(tenant, user_id, uri, value) for uri, value in values.items()}
        self._mark(provider, verification, fingerprints)
        try:
            yield
        finally:
            self._mark(provider, verification, fingerprints)

    def _mark(self, provider: Provider, verification: Verification, fingerprints: Mapping[str, str]) -> None:
        sent: dict[str, list[str]] = {}
        for uri in fingerprints:
            sent.setdefault(provider.claims[uri], []).append(uri)
        with self._database.write() as connection:
            verification_claims.mark_stale(connection, verification.tenant, {verification.user_id: fingerprints})
            verification_claims.mark_remapped(connection, verification.provider_id, verification.user_id, sent)

    def _end_open(self, connection: Connection, verification: Verification, actor: str) -> list[Change]:
        """Close the open verification of a deleted applicant; otherwise the user could not start another."""
        current = verifications.find_open(connection, verification.provider_id, verification.user_id)
        if current is None or current.applicant_id != verification.applicant_id:
            return []
        return end_verification(connection, current, "The applicant was deleted.", self._clock(), ADMINISTRATOR, actor)

    def _entry(self, verification: Verification, what: str, actor: str, detail: Mapping[str, Any]) -> Change:
        """Create an entry in the history of the applicant's latest verification."""
        entry = of_verification(
            verification, self._clock(), ADMINISTRATOR, actor, APPLICANT, verification.applicant_id, None, what
        )
        return replace(entry, detail=detail)


@contextmanager
def _unless_gone(applicant_id: str, advice: str) -> Iterator[None]:
    """Translate Onfido's answer that an applicant is gone into the contract's error."""
    try:
        yield
    except OnfidoError as error:
        if not error.is_gone:
            raise
        raise RequestError(
            Code.APPLICANT_NOT_FOUND,
            message(
                "The applicant %(applicant_id)s was deleted at Onfido: %(advice)s.",
                applicant_id=applicant_id,
                advice=advice,
            ),
        ) from error
