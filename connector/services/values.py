"""The users' values: reading them from their directory, and comparing them with the verified ones.

    embedded directory   `values_changed` is called in the transaction that changes a value
    remote directory     does not report changes. Each reading is compared with the user's mark
                         (a fingerprint of all values last read) and with the verified values, and records
                         the changes

A reading that began before the last recorded one is older, and records nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from connector.directory.directories import Directories
from connector.directory.local import AskedValues
from connector.domain.audit.history import Change
from connector.domain.openid.flow import is_guest
from connector.domain.tenancy import Tenant
from connector.domain.text import is_blank
from connector.services.journal import Journal
from connector.services.use_case import use_case
from connector.store.batch import Ask, nothing
from connector.store.claims import claims, verified_claims
from connector.store.engine import Database
from connector.store.people import user_marks, users
from connector.store.vault import Fingerprints
from connector.store.verifications import verification_claims

Marked = Mapping[str, str | None]  # fingerprints by claim URI; None if there is no value
_ALL = "*"  # instead of a claim's URI: the fingerprint of all values


@use_case
class UserValues:
    """Reads users' values; each method takes the tenant. The caller must have no open transaction."""

    _database: Database
    _directories: Directories
    _fingerprints: Fingerprints
    _journal: Journal
    _clock: Callable[[], datetime]

    def is_readable(self, tenant: Tenant, user_id: str) -> bool:
        """Whether a user's values can be read without the user's token; a guest's are in no directory."""
        return not is_guest(user_id) and self._directories.is_readable(tenant)

    def has_user(self, tenant: Tenant, user_id: str) -> bool:
        """Whether there is such a user; in a directory that needs the user's token, every user is assumed to exist."""
        return not is_guest(user_id) and self._directories.has_user(tenant, user_id)

    def read(
        self,
        tenant: Tenant,
        user_id: str,
        access_token: str | None = None,
        *,
        at_most: float = math.inf,
        reader: str | None = None,
        ask: Ask = nothing,
    ) -> Mapping[str, str] | None:
        """Return a user's values by claim URI; None if there is no such user.

        `access_token` is the user's own, in the user's own request. `at_most` limits a remote directory, in seconds.
        `reader` is the verification that reads the values to send them: it is not marked. `ask` sends further queries,
        in the same round trip if the values are in the database. Raises `DirectoryError`. Guests of the OpenID provider
        are in no directory.
        """
        if is_guest(user_id):
            return None
        began = self._clock()
        values = self._directories.values(tenant, user_id, access_token, at_most=at_most, ask=ask)
        if values is not None and (remote := self._directories.remote(tenant)) is not None:
            self._compare(tenant, user_id, self._marked(tenant, user_id, remote.uris, values), began, reader)
            with self._database.read() as connection:
                ask(connection)
        return values

    def ask(self, connection: Connection, tenant: Tenant, user_id: str) -> AskedValues | None:
        """Send the queries for a user's values; the result returns them once the answers have arrived.

        None if the values are not in the database: then `read` has to be called.
        """
        return None if is_guest(user_id) else self._directories.ask(connection, tenant, user_id)

    def is_intact(self, tenant: Tenant, user_id: str) -> bool:
        """Compare a user of a remote directory; False if the user is gone, or has lost a value that was verified.

        Then nothing is recorded: a directory that hides attributes answers as if their values had been removed.
        """
        began, remote = self._clock(), self._directories.remote(tenant)
        values = self._directories.values(tenant, user_id)
        if values is None or remote is None:
            return values is not None
        marked = self._marked(tenant, user_id, remote.uris, values)
        return self._compare(tenant, user_id, marked, began, records_losses=False)

    def share(
        self, connection: Connection, tenant: Tenant, user_id: str, values: Mapping[str, str] | None
    ) -> Mapping[str, str] | None:
        """Return a user's values for the rest of the transaction, instead of those read before it.

        A remote directory cannot be called within a transaction: for it, the values read before are returned.
        """
        if self.is_remote(tenant):
            return values
        return self._directories.share(connection, tenant, user_id)

    def is_remote(self, tenant: Tenant) -> bool:
        """Whether values may change without the connector's transactions."""
        return self._directories.remote(tenant) is not None

    def _compare(
        self,
        tenant: Tenant,
        user_id: str,
        marked: Marked,
        began: datetime,
        reader: str | None = None,
        *,
        records_losses: bool = True,
    ) -> bool:
        """Record the changes since the values were last read; False if nothing is recorded because values are lost.

        A claim without a value that was verified for the one in the workflow's output still has none.
        """
        mark = self._fingerprints.of(tenant.name, user_id, _ALL, repr(sorted(marked.items())))
        with self._database.read() as connection:
            last = user_marks.find(connection, tenant.name, user_id)
            verified = verified_claims.find(connection, tenant.name, user_id)
            unsent = verified_claims.find_unsent(connection, tenant.name, user_id) if verified else frozenset()
        held = {uri: each for uri, each in marked.items() if each is not None or uri not in unsent}
        if not records_losses and _has_losses(verified, held):
            return False
        if last is not None and last.mark == mark and not _is_outdated(verified, held):
            return True
        with self._database.write() as connection:
            users.add_or_lock(connection, tenant.name, [user_id], began)
            if user_marks.set_read(connection, tenant.name, user_id, mark, began):
                verification_claims.mark_stale(connection, tenant.name, {user_id: marked}, reader)
                changes = claims.unverify_changed(connection, tenant.name, {user_id: held}, self._clock())
                self._journal.record(connection, changes)
        return True

    def _marked(self, tenant: Tenant, user_id: str, uris: Iterable[str], values: Mapping[str, str]) -> Marked:
        return {uri: self._fingerprint(tenant, user_id, uri, values.get(uri, "")) for uri in uris}

    def _fingerprint(self, tenant: Tenant, user_id: str, uri: str, value: str) -> str | None:
        return None if is_blank(value) else self._fingerprints.of(tenant.name, user_id, uri, value)


def values_changed(
    connection: Connection,
    tenant: Tenant,
    changed: Mapping[str, Marked],
    now: datetime,
) -> list[Change]:
    """Withdraw claims that were verified, or are being verified, for other values of some users.

    Called in the transaction that records the values, which has locked the users; `changed` maps them to the
    fingerprints of the new values by claim URI, None if one was removed. Return the claims that are no longer verified,
    for the journal.
    """
    if not changed:
        return []
    verification_claims.mark_stale(connection, tenant.name, changed)
    return claims.unverify_changed(connection, tenant.name, changed, now)


def _is_outdated(verified: verified_claims.Verified, marked: Marked) -> bool:
    return any(each.fingerprint != marked.get(each.uri, each.fingerprint) for each in verified)


def _has_losses(verified: verified_claims.Verified, marked: Marked) -> bool:
    """Whether a verified value is missing now."""
    return any(each.fingerprint is not None and marked.get(each.uri, "") is None for each in verified)
