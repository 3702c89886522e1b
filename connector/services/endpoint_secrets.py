"""The secrets that sign notices: encrypted in storage; a replaced one also signs for a limited time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.services.use_case import use_case
from connector.store.deliveries.endpoints import Sealed
from connector.store.sealed import endpoint_secret
from connector.store.vault import Vault

SECRET, PREVIOUS = "secret", "previous_secret"  # columns


@use_case
class EndpointSecrets:
    """Encrypts and decrypts the secrets of endpoints; decryption raises `ConfigurationError` if a key is missing."""

    _vault: Vault
    _overlap: timedelta
    _clock: Callable[[], datetime]

    def seal(self, endpoint_id: str, secret: str, name: str = SECRET) -> str:
        """Encrypt a secret for its column."""
        return self._vault.seal(secret, endpoint_secret(endpoint_id, name))

    def current(self, endpoint_id: str, sealed: Sealed) -> str:
        """Decrypt the secret that signs."""
        return self._vault.open(sealed.secret, endpoint_secret(endpoint_id, SECRET))

    def valid(self, endpoint_id: str, sealed: Sealed) -> list[str]:
        """Decrypt all secrets that sign now: the current one, and the previous one until it expires."""
        secrets = [self.current(endpoint_id, sealed)]
        if sealed.previous is not None and sealed.previous_expires_at and sealed.previous_expires_at > self._clock():
            secrets.append(self._vault.open(sealed.previous, endpoint_secret(endpoint_id, PREVIOUS)))
        return secrets

    def replaced(self, endpoint_id: str, sealed: Sealed, secret: str) -> Mapping[str, Any]:
        """Return the columns for a new secret; the current one becomes the previous one."""
        return {
            SECRET: self.seal(endpoint_id, secret),
            PREVIOUS: self.seal(endpoint_id, self.current(endpoint_id, sealed), PREVIOUS),
            "previous_secret_expires_at": self._clock() + self._overlap,
        }
