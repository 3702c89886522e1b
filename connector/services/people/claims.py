"""A user's claims: reading, correcting, and withdrawing them when the value changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.domain.assurance import ProvenClaim
from connector.domain.audit.history import SYSTEM, Change
from connector.domain.claims import Claim
from connector.domain.messages import message
from connector.domain.tenancy import Tenant
from connector.errors import ChangedMeanwhile, Code, DatabaseUnavailable, DirectoryError, InvalidField, RequestError
from connector.services.journal import Journal
from connector.services.not_found import unknown_claim, unknown_user
from connector.services.people.claim_entries import (
    ClaimEntry,
    SeenClaim,
    check_providers,
    conflict,
    correction_entry,
    correction_of,
    find_named,
    new_rows,
    removed,
)
from connector.services.use_case import use_case
from connector.services.values import UserValues
from connector.store.claims import claims, lapsed_claims, proven_claims
from connector.store.engine import Database
from connector.store.vault import Fingerprints

log = structlog.get_logger(__name__)


@use_case
class Claims:
    """Reads and corrects the claims of one tenant's users; each method takes the tenant."""

    _database: Database
    _user_values: UserValues
    _fingerprints: Fingerprints
    _journal: Journal
    _clock: Callable[[], datetime]

    def all(self, tenant: Tenant, user_id: str, provider_id: str | None = None) -> Sequence[Claim]:
        """Return a user's claims; raises `RequestError`: no such user, or no such provider."""
        with self._database.read() as connection:
            if provider_id is not None:
                check_providers(connection, tenant, [provider_id])
            known = claims.find_all(connection, tenant.name, user_id, provider_id)
        if not known:
            self._check_user(tenant, user_id)
        return known

    def get(self, tenant: Tenant, user_id: str, claim_id: str) -> Claim:
        """Return one claim of a user; raises `RequestError` if there is none."""
        with self._database.read() as connection:
            claim = claims.find(connection, tenant.name, user_id, claim_id)
        if claim is None:
            self._check_user(tenant, user_id)
            raise unknown_claim(user_id, claim_id)
        return claim

    def see(self, tenant: Tenant, user_id: str, claim: Claim) -> SeenClaim:
        """Return what a correction of a claim is based on; raises `DirectoryError`."""
        return self._seen(tenant, user_id, claim, self._user_values.read(tenant, user_id))

    def proven(self, tenant: Tenant, user_id: str) -> Mapping[str, ProvenClaim]:
        """Return a user's verified claims by URI, each with the verification that proves it."""
        with self._database.read() as connection:
            return {each.uri: each for each in proven_claims.find(connection, tenant.name, user_id)}

    def add(self, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], actor: str = SYSTEM) -> Sequence[Claim]:
        """Add claims, all or none; raises `RequestError`: user or provider unknown, or a claim exists already."""
        values = self._values(tenant, user_id)
        if not entries:
            return []
        with conflict(), self._database.write() as connection:
            check_providers(connection, tenant, {entry.provider_id for entry in entries}, share=True)
            current = self._share(connection, tenant, user_id, values)
            now = self._clock()
            rows = new_rows(tenant, user_id, entries, self._fingerprints_of(tenant, user_id, entries, values), now)
            claims.add(connection, rows)
            changes = [correction_entry(tenant, user_id, entry, None, actor, now) for entry in entries]
            self._journal.record(connection, changes)
            self._withdraw(connection, tenant, user_id, self._outdated(tenant, user_id, entries, values, current))
            written = find_named(connection, tenant, user_id, entries)
        return self._confirmed(tenant, user_id, entries, values, written, added=[row["id"] for row in rows])

    def correct_all(
        self, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], actor: str = SYSTEM
    ) -> Sequence[Claim]:
        """Correct several claims, all or none; raises `RequestError` if one does not exist, or is named twice."""
        values = self._values(tenant, user_id)
        if not entries:
            return []
        if len({(entry.uri, entry.provider_id) for entry in entries}) < len(entries):
            raise InvalidField("claims", message("must not name a claim twice"))
        with self._database.write() as connection:
            check_providers(connection, tenant, {entry.provider_id for entry in entries}, share=True)
            current = self._share(connection, tenant, user_id, values)
            changes = self._lock(connection, tenant, user_id)
            known = {
                (claim.uri, claim.provider_id): claim for claim in claims.find_all(connection, tenant.name, user_id)
            }
            for entry in sorted(entries, key=lambda entry: (entry.uri, entry.provider_id)):
                claim = known.get((entry.uri, entry.provider_id))
                if claim is None:
                    raise RequestError(
                        Code.CLAIM_NOT_FOUND,
                        message(
                            "The user %(user_id)s has no claim %(uri)s: add it first.", user_id=user_id, uri=entry.uri
                        ),
                    )
                changes.append(self._correct(connection, tenant, user_id, claim, entry, values, actor))
            self._journal.record(connection, changes)
            self._withdraw(connection, tenant, user_id, self._outdated(tenant, user_id, entries, values, current))
            written = find_named(connection, tenant, user_id, entries)
        return self._confirmed(tenant, user_id, entries, values, written)

    def correct(
        self,
        tenant: Tenant,
        user_id: str,
        claim_id: str,
        *,
        is_verified: bool,
        metadata: Mapping[str, Any] | None,
        actor: str = SYSTEM,
        reason: str | None = None,
        seen: SeenClaim | None = None,
    ) -> Claim:
        """Correct one claim; the audit trail has the reason. Raises `RequestError` if it does not exist.

        Without `metadata` the stored ones are kept. With `seen`, raise `ChangedMeanwhile` if the claim, or the user's
        value for it, is not as it was seen any more.
        """
        provider_id = self.get(tenant, user_id, claim_id).provider_id
        values = self._user_values.read(tenant, user_id)
        with self._database.write() as connection:
            check_providers(connection, tenant, [provider_id], share=True)
            current = self._share(connection, tenant, user_id, values)
            withdrawn = self._lock(connection, tenant, user_id)
            claim = claims.find(connection, tenant.name, user_id, claim_id)
            if claim is None:
                raise removed(user_id)
            if seen not in (None, self._seen(tenant, user_id, claim, current)):
                raise ChangedMeanwhile(f"The claim {claim_id} was changed meanwhile: read it again.")
            kept = claim.metadata if metadata is None else metadata
            entry = ClaimEntry(claim.uri, claim.provider_id, is_verified, kept)
            change = self._correct(connection, tenant, user_id, claim, entry, values, actor)
            self._journal.record(connection, [*withdrawn, change if reason is None else change.because(reason)])
            self._withdraw(connection, tenant, user_id, self._outdated(tenant, user_id, [entry], values, current))
            written = find_named(connection, tenant, user_id, [entry])
        return self._confirmed(tenant, user_id, [entry], values, written)[0]

    def _share(
        self, connection: Connection, tenant: Tenant, user_id: str, values: Mapping[str, str] | None
    ) -> Mapping[str, str] | None:
        """Return the values for the rest of the transaction; raise if the user was removed meanwhile.

        A correction is written for the values read before: it is withdrawn for a value that has changed since.
        """
        current = self._user_values.share(connection, tenant, user_id, values)
        if current is None and values is not None:
            raise removed(user_id)
        return current

    def _lock(self, connection: Connection, tenant: Tenant, user_id: str) -> list[Change]:
        """Lock the user's claims, and withdraw those that have lapsed; return the changes."""
        claims.lock(connection, tenant.name, user_id)
        return lapsed_claims.withdraw_of_user(connection, tenant.name, user_id, self._clock())

    def _correct(
        self,
        connection: Connection,
        tenant: Tenant,
        user_id: str,
        claim: Claim,
        entry: ClaimEntry,
        values: Mapping[str, str] | None,
        actor: str,
    ) -> Change:
        now, fingerprint = self._clock(), self._fingerprint(tenant, user_id, entry.uri, values)
        claims.correct(connection, claim.claim_id, correction_of(entry, fingerprint, now))
        return correction_entry(tenant, user_id, entry, claim, actor, now)

    def _confirmed(
        self,
        tenant: Tenant,
        user_id: str,
        entries: Sequence[ClaimEntry],
        written_for: Mapping[str, str] | None,
        written: Sequence[Claim],
        added: Sequence[str] = (),
    ) -> Sequence[Claim]:
        """Return claims as they were written, or withdrawn if a remote directory has other values by now.

        They are already committed: if the comparison fails, the next reading of the user's values does it.
        """
        if not self._user_values.is_remote(tenant):
            return written
        try:
            return self._compared(tenant, user_id, entries, written_for, written, added)
        except DatabaseUnavailable as error:
            log.warning("claims.not_compared", tenant=tenant.name, user_id=user_id, reason=error.reason)
            return written

    def _compared(
        self,
        tenant: Tenant,
        user_id: str,
        entries: Sequence[ClaimEntry],
        written_for: Mapping[str, str] | None,
        written: Sequence[Claim],
        added: Sequence[str],
    ) -> Sequence[Claim]:
        """Withdraw claims that were written for a value that has changed meanwhile.

        If the user was removed meanwhile, only those in `added` are deleted: others belong to a new user.
        """
        values = self._reread(tenant, user_id, written_for)
        outdated = self._outdated(tenant, user_id, entries, written_for, values)
        if not outdated and (values is None) == (written_for is None):
            return written
        with self._database.write() as connection:
            if was_removed := values is None and written_for is not None:
                self._journal.record(connection, claims.forget(connection, tenant.name, user_id, added, self._clock()))
            else:
                self._withdraw(connection, tenant, user_id, outdated)
            current = find_named(connection, tenant, user_id, entries)
        if was_removed or len(current) < len(entries):
            raise removed(user_id)
        return current

    def _outdated(
        self,
        tenant: Tenant,
        user_id: str,
        entries: Sequence[ClaimEntry],
        written_for: Mapping[str, str] | None,
        values: Mapping[str, str] | None,
    ) -> Mapping[str, str | None]:
        """Return the fingerprints, by URI, for which entries were written and that differ from these values."""
        return {
            uri: fingerprint
            for uri, fingerprint in self._fingerprints_of(tenant, user_id, entries, written_for).items()
            if fingerprint != self._fingerprint(tenant, user_id, uri, values)
        }

    def _withdraw(
        self, connection: Connection, tenant: Tenant, user_id: str, outdated: Mapping[str, str | None]
    ) -> None:
        if outdated:
            withdrawn = claims.unverify_held(connection, tenant.name, user_id, outdated, self._clock())
            self._journal.record(connection, withdrawn)

    def _seen(self, tenant: Tenant, user_id: str, claim: Claim, values: Mapping[str, str] | None) -> SeenClaim:
        value = self._fingerprint(tenant, user_id, claim.uri, values)
        return SeenClaim(claim.is_verified, claim.verification_status, value)

    def _fingerprints_of(
        self, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], values: Mapping[str, str] | None
    ) -> Mapping[str, str | None]:
        """Return the fingerprints, by URI, of the values for which entries are valid."""
        return {entry.uri: self._fingerprint(tenant, user_id, entry.uri, values) for entry in entries}

    def _fingerprint(self, tenant: Tenant, user_id: str, uri: str, values: Mapping[str, str] | None) -> str | None:
        value = (values or {}).get(uri)
        return self._fingerprints.of(tenant.name, user_id, uri, value) if value else None

    def _reread(self, tenant: Tenant, user_id: str, written_for: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """Return the user's current values, or the previous ones if a directory no longer answers."""
        try:
            return self._user_values.read(tenant, user_id)
        except DirectoryError:
            return written_for

    def _values(self, tenant: Tenant, user_id: str) -> Mapping[str, str]:
        values = self._user_values.read(tenant, user_id)
        if values is None:
            raise unknown_user(user_id)
        return values

    def _check_user(self, tenant: Tenant, user_id: str) -> None:
        if not self._user_values.has_user(tenant, user_id):
            raise unknown_user(user_id)
