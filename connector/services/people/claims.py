"""A user's claims: read them, correct them, and withdraw them when the value changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from connector.domain.claims import Claim, ClaimState
from connector.domain.history import ADMINISTRATOR, CLAIM, SYSTEM, Change
from connector.domain.tenancy import Tenant
from connector.errors import Code, DirectoryError, InvalidField, RequestError
from connector.services.journal import Journal
from connector.services.values import UserValues
from connector.store import claims, providers
from connector.store.engine import Database
from connector.store.vault import Fingerprints


@dataclass(frozen=True)
class ClaimEntry:
    """A claim as an administrator sends it."""

    uri: str
    provider_id: str
    is_verified: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Claims:
    """Reads and corrects the claims of one tenant's users; each method takes the tenant."""

    def __init__(
        self,
        database: Database,
        values: UserValues,
        fingerprints: Fingerprints,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._user_values = values
        self._fingerprints = fingerprints
        self._journal = journal
        self._clock = clock

    def all(self, tenant: Tenant, user_id: str, provider_id: str | None = None) -> Sequence[Claim]:
        """Return a user's claims; raises `RequestError`: no such user, or no such provider."""
        with self._database.read() as connection:
            if provider_id is not None:
                _check_providers(connection, tenant, [provider_id])
            known = claims.find_all(connection, tenant.name, user_id, provider_id)
        if not known:
            self._check_user(tenant, user_id)
        return known

    def get(self, tenant: Tenant, user_id: str, claim_id: str) -> Claim:
        """Return one claim of a user; raises `RequestError` where there is none."""
        with self._database.read() as connection:
            claim = claims.find(connection, tenant.name, user_id, claim_id)
        if claim is None:
            self._check_user(tenant, user_id)
            raise RequestError(
                Code.CLAIM_NOT_FOUND,
                f"The user {user_id} has no claim {claim_id}: list the user's claims for their ids.",
            )
        return claim

    def add(self, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], actor: str = SYSTEM) -> list[Claim]:
        """Add claims, all or none; raises `RequestError`: user or provider unknown, or a claim exists already."""
        values = self._values(tenant, user_id)
        if not entries:
            return []
        rows = self._rows(tenant, user_id, entries, values)
        with _conflict(), self._database.write() as connection:
            _check_providers(connection, tenant, {entry.provider_id for entry in entries}, share=True)
            claims.add(connection, rows)
            now = self._clock()
            changes = [_correction_entry(tenant, user_id, entry, None, actor, now) for entry in entries]
            self._journal.record(connection, changes)
        return self._confirmed(tenant, user_id, entries, values, added=[row["id"] for row in rows])

    def correct_all(
        self, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], actor: str = SYSTEM
    ) -> list[Claim]:
        """Correct several claims, all or none; raises `RequestError` where one does not exist, or is named twice."""
        values = self._values(tenant, user_id)
        if not entries:
            return []
        if len({(entry.uri, entry.provider_id) for entry in entries}) < len(entries):
            raise InvalidField("claims", "must name no claim twice")
        with self._database.write() as connection:
            _check_providers(connection, tenant, {entry.provider_id for entry in entries})
            claims.lock(connection, tenant.name, user_id)
            known = {
                (claim.uri, claim.provider_id): claim for claim in claims.find_all(connection, tenant.name, user_id)
            }
            changes = []
            for entry in sorted(entries, key=lambda entry: (entry.uri, entry.provider_id)):
                claim = known.get((entry.uri, entry.provider_id))
                if claim is None:
                    raise RequestError(
                        Code.CLAIM_NOT_FOUND, f"The user {user_id} has no claim {entry.uri}: add it first."
                    )
                changes.append(self._correct(connection, tenant, user_id, claim, entry, values, actor))
            self._journal.record(connection, changes)
        return self._confirmed(tenant, user_id, entries, values)

    def correct(
        self,
        tenant: Tenant,
        user_id: str,
        claim_id: str,
        *,
        is_verified: bool,
        metadata: Mapping[str, Any],
        actor: str = SYSTEM,
    ) -> Claim:
        """Correct one claim; raises `RequestError` where it does not exist."""
        self.get(tenant, user_id, claim_id)
        values = self._user_values.read(tenant, user_id)
        with self._database.write() as connection:
            claims.lock(connection, tenant.name, user_id)
            claim = claims.find(connection, tenant.name, user_id, claim_id)
            if claim is None:
                raise _removed(user_id)
            entry = ClaimEntry(claim.uri, claim.provider_id, is_verified, metadata)
            change = self._correct(connection, tenant, user_id, claim, entry, values, actor)
            self._journal.record(connection, [change])
        return self._confirmed(tenant, user_id, [entry], values)[0]

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
        claims.correct(connection, claim.claim_id, self._correction(tenant, user_id, entry, values))
        return _correction_entry(tenant, user_id, entry, claim, actor, self._clock())

    def _rows(
        self, tenant: Tenant, user_id: str, entries: Sequence[ClaimEntry], values: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        now = self._clock()
        return [
            {
                "id": claims.new_id(),
                "tenant": tenant.name,
                "provider_id": entry.provider_id,
                "user_id": user_id,
                "uri": entry.uri,
                "verification_id": None,
                "verification_status": None,
                "created_at": now,
            }
            | self._correction(tenant, user_id, entry, values)
            for entry in sorted(entries, key=lambda entry: (entry.uri, entry.provider_id))
        ]

    def _correction(
        self, tenant: Tenant, user_id: str, entry: ClaimEntry, values: Mapping[str, str] | None
    ) -> dict[str, Any]:
        """Create an administrator's correction of a claim; it is valid for the user's current value."""
        return {
            "is_verified": entry.is_verified,
            "environment": None,
            "fingerprint": self._fingerprint(tenant, user_id, entry.uri, values),
            "metadata": dict(entry.metadata),
            "updated_at": self._clock(),
        }

    def _confirmed(
        self,
        tenant: Tenant,
        user_id: str,
        entries: Sequence[ClaimEntry],
        written_for: Mapping[str, str] | None,
        added: Sequence[str] = (),
    ) -> list[Claim]:
        """Return the current claims, after withdrawing those written for a value that has changed meanwhile.

        Of a user removed meanwhile, only those `added` are deleted: others belong to one who was added again.
        """
        values = self._reread(tenant, user_id, written_for)
        requested = {(entry.uri, entry.provider_id) for entry in entries}
        written = {entry.uri: self._fingerprint(tenant, user_id, entry.uri, written_for) for entry in entries}
        outdated = {
            uri: fingerprint
            for uri, fingerprint in written.items()
            if fingerprint != self._fingerprint(tenant, user_id, uri, values)
        }
        with self._database.write() as connection:
            withdrawn: list[Change] = []
            if was_removed := values is None and written_for is not None:
                withdrawn = claims.forget(connection, tenant.name, user_id, added, self._clock())
            elif outdated:
                withdrawn = claims.unverify_held(connection, tenant.name, user_id, outdated, self._clock())
            self._journal.record(connection, withdrawn)
            known = claims.find_all(connection, tenant.name, user_id)
        confirmed = [claim for claim in known if (claim.uri, claim.provider_id) in requested]
        if was_removed or len(confirmed) < len(requested):
            raise _removed(user_id)
        return confirmed

    def _fingerprint(self, tenant: Tenant, user_id: str, uri: str, values: Mapping[str, str] | None) -> str | None:
        value = (values or {}).get(uri)
        return self._fingerprints.of(tenant.name, user_id, uri, value) if value else None

    def _reread(self, tenant: Tenant, user_id: str, written_for: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """Return the user's values; those before where a directory has gone away since: the next reading compares."""
        try:
            return self._user_values.read(tenant, user_id)
        except DirectoryError:
            return written_for

    def _values(self, tenant: Tenant, user_id: str) -> Mapping[str, str]:
        values = self._user_values.read(tenant, user_id)
        if values is None:
            raise _no_such_user(user_id)
        return values

    def _check_user(self, tenant: Tenant, user_id: str) -> None:
        if not self._user_values.has_user(tenant, user_id):
            raise _no_such_user(user_id)


def _correction_entry(
    tenant: Tenant, user_id: str, entry: ClaimEntry, claim: Claim | None, actor: str, now: datetime
) -> Change:
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


def _check_providers(
    connection: Connection, tenant: Tenant, provider_ids: Collection[str], *, share: bool = False
) -> None:
    known = providers.find_known(connection, tenant.name, provider_ids, share=share)
    if missing := sorted(set(provider_ids) - known):
        raise RequestError(
            Code.CLAIM_PROVIDER_NOT_FOUND,
            f"There is no identity verification provider {', '.join(missing)}: check the id.",
        )


@contextmanager
def _conflict() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise RequestError(
            Code.CLAIM_EXISTS, "One of the claims exists already, or is named twice: update it instead."
        ) from error


def _no_such_user(user_id: str) -> RequestError:
    return RequestError(Code.USER_NOT_FOUND, f"There is no user {user_id}: check the id, or add the user.")


def _removed(user_id: str) -> RequestError:
    return RequestError(
        Code.CLAIM_NOT_FOUND,
        f"A claim of the user {user_id} was removed meanwhile: list the user's claims, then ask again.",
    )
