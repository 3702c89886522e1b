"""Writing users' values: they are encrypted, and claims verified for other values are withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from connector.domain.audit.history import Change
from connector.domain.tenancy import Tenant
from connector.domain.text import is_blank, normal
from connector.services.use_case import use_case
from connector.services.values import values_changed
from connector.store.people import users
from connector.store.sealed import user_value
from connector.store.vault import Fingerprints, Vault

Values = Mapping[str, str]  # by claim URI; a blank one removes the stored value


@use_case
class ValueWriter:
    """Compares and writes the values of users whom the caller has locked."""

    _vault: Vault
    _fingerprints: Fingerprints

    def open(self, tenant: Tenant, user_id: str, sealed: Mapping[str, str]) -> dict[str, str]:
        """Decrypt a user's stored values."""
        return {uri: self._vault.open(value, user_value(tenant.name, user_id, uri)) for uri, value in sealed.items()}

    def differences(self, tenant: Tenant, user_id: str, stored: Mapping[str, str], given: Values) -> dict[str, str]:
        """Return the given values that differ from the stored, encrypted ones."""
        known = self.open(tenant, user_id, {uri: stored[uri] for uri in given if uri in stored})
        return {uri: value for uri, value in given.items() if not _is_same(known.get(uri, ""), value)}

    def write(
        self, connection: Connection, tenant: Tenant, changed: Mapping[str, Values], now: datetime
    ) -> list[Change]:
        """Write values by user; claims verified for other values are no longer verified.

        Return the claims that are no longer verified, for the journal.
        """
        sealed = {user_id: self._sealed(tenant, user_id, values) for user_id, values in changed.items()}
        users.set_values(connection, tenant.name, sealed)
        fingerprints = {user_id: self._fingerprinted(tenant, user_id, values) for user_id, values in changed.items()}
        return values_changed(connection, tenant, fingerprints, now)

    def _sealed(self, tenant: Tenant, user_id: str, values: Values) -> dict[str, str | None]:
        return {
            uri: None if is_blank(value) else self._vault.seal(value, user_value(tenant.name, user_id, uri))
            for uri, value in values.items()
        }

    def _fingerprinted(self, tenant: Tenant, user_id: str, values: Values) -> dict[str, str | None]:
        of = self._fingerprints.of
        return {uri: None if is_blank(value) else of(tenant.name, user_id, uri, value) for uri, value in values.items()}


def _is_same(before: str, value: str) -> bool:
    """Whether two texts are one value: in any normal form, or both blank."""
    return before == value or normal(before) == normal(value) or (is_blank(before) and is_blank(value))
