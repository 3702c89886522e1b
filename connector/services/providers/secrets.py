"""The secrets of a provider: encrypted in storage, decrypted when they are used, each in its own column.

A replaced webhook token stays valid for a limited time, so that events signed with it are not refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.domain.audit.differences import differences
from connector.domain.providers.credentials import ClientCredentials, Credentials, environment_of
from connector.domain.providers.provider import SECRETS, Provider, ProviderConfig
from connector.domain.providers.provider_rules import check_region, choose_credentials
from connector.services.use_case import use_case
from connector.store.sealed import provider_secret
from connector.store.vault import Vault

# Times, and the previous webhook token, which are derived from the others.
_UNSHOWN = (
    *("credentials_set_at", "workflow_set_at", "webhook_set_at", "notice_secret_set_at"),
    *("previous_webhook_token", "previous_webhook_token_expires_at"),
)
_CREDENTIALS = ("api_token", "client_secret")
_OTHERS = [name for name in SECRETS if name not in _CREDENTIALS]
_SET_AT = {"webhook_token": "webhook_set_at", "notice_secret": "notice_secret_set_at"}


@use_case
class Secrets:
    """Encrypts and decrypts the secrets of providers. Decryption raises `ConfigurationError` if a key is missing."""

    _vault: Vault
    _token_overlap: timedelta
    _clock: Callable[[], datetime]

    def open(self, provider_id: str, name: str, sealed: str) -> str:
        """Decrypt the secret in a column of a provider."""
        return self._vault.open(sealed, provider_secret(provider_id, name))

    def credentials(self, provider: Provider) -> Credentials:
        """Decrypt a provider's credentials at Onfido."""
        sealed = {"api_token": provider.sealed_api_token, "client_secret": provider.sealed_client_secret}
        return self._credentials(provider.provider_id, {**sealed, "client_id": provider.client_id})

    def new_columns(self, provider_id: str, config: ProviderConfig) -> dict[str, Any]:
        """Return the columns of a new provider's secrets; raises `RequestError` if it has no credentials."""
        credentials = choose_credentials(config, None)
        check_region(credentials, config.base_url)
        given = {name: secret for name in _OTHERS if (secret := getattr(config, name)) is not None}
        columns = self._credential_columns(provider_id, credentials) | self._set(provider_id, given)
        return columns | {"environment": _environment(credentials)}

    def changed_columns(self, provider_id: str, config: ProviderConfig, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of the secrets that a configuration changes; raises `RequestError`."""
        known = self._credentials(provider_id, stored)
        credentials = choose_credentials(config, known)
        check_region(credentials, config.base_url)
        columns = {} if credentials == known else self._credential_columns(provider_id, credentials)
        if not _is_same_account(credentials, known, config.base_url, stored["base_url"]):
            columns["environment"] = _environment(credentials)
        given = {
            name: secret
            for name in _OTHERS
            if (secret := getattr(config, name)) not in (None, self._opened(provider_id, name, stored[name]))
        }
        token = given.pop("webhook_token", None)
        columns |= self._set(provider_id, given)
        return columns if token is None else columns | self.webhook_columns(provider_id, token, stored)

    def erased(self, provider_id: str) -> dict[str, Any]:
        """Return the columns that overwrite a provider's credentials and secrets."""
        no_token = self._sealed(provider_id, {"api_token": ""})  # one kind of credentials is required
        nothing = dict.fromkeys((*SECRETS, "client_id", "previous_webhook_token", "previous_webhook_token_expires_at"))
        return {**nothing, **no_token}

    def notice_secret(self, provider_id: str, config: ProviderConfig, stored: Mapping[str, Any]) -> str | None:
        """Return the secret that signs notices after a change; None if there is none."""
        return config.notice_secret or self._opened(provider_id, "notice_secret", stored["notice_secret"])

    def webhook_columns(self, provider_id: str, token: str, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns for a new webhook token; the current one becomes the previous one."""
        previous = self._opened(provider_id, "webhook_token", stored["webhook_token"])
        columns = self._set(provider_id, {"webhook_token": token})
        if previous is not None:
            columns |= self._sealed(provider_id, {"previous_webhook_token": previous})
            columns["previous_webhook_token_expires_at"] = self._clock() + self._token_overlap
        return columns

    def _credentials(self, provider_id: str, stored: Mapping[str, Any]) -> Credentials:
        token = self._opened(provider_id, "api_token", stored["api_token"])
        if token is not None:
            return token
        return ClientCredentials(stored["client_id"], self.open(provider_id, "client_secret", stored["client_secret"]))

    def _credential_columns(self, provider_id: str, credentials: Credentials) -> dict[str, Any]:
        """Return the columns of either kind of credentials: storing one kind removes the other."""
        if isinstance(credentials, ClientCredentials):
            secret = self._sealed(provider_id, {"client_secret": credentials.client_secret})
            columns = {"api_token": None, "client_id": credentials.client_id} | secret
        else:
            token = self._sealed(provider_id, {"api_token": credentials})
            columns = token | {"client_id": None, "client_secret": None}
        return columns | {"credentials_set_at": self._clock()}

    def _opened(self, provider_id: str, name: str, sealed: str | None) -> str | None:
        return None if sealed is None else self.open(provider_id, name, sealed)

    def _set(self, provider_id: str, secrets: Mapping[str, str]) -> dict[str, Any]:
        """Return the columns for new secrets, with their times."""
        return self._sealed(provider_id, secrets) | {_SET_AT[name]: self._clock() for name in secrets}

    def _sealed(self, provider_id: str, secrets: Mapping[str, str]) -> dict[str, Any]:
        return {name: self._vault.seal(secret, provider_secret(provider_id, name)) for name, secret in secrets.items()}


def provider_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the differences of a provider's columns; for a secret only whether it was set or replaced."""
    shown = {name: value for name, value in after.items() if name not in _UNSHOWN}
    return differences(before, shown, SECRETS)


def _environment(credentials: Credentials) -> str | None:
    """Return the environment that a token's prefix names; that of a client is known with its first applicant."""
    return environment_of(credentials) if isinstance(credentials, str) else None


def _is_same_account(credentials: Credentials, known: Credentials, base_url: str, known_base_url: str) -> bool:
    """Whether credentials are for the same environment as the known ones; a new secret of the same client is."""
    if isinstance(credentials, ClientCredentials) and isinstance(known, ClientCredentials):
        return (credentials.client_id, base_url) == (known.client_id, known_base_url)
    return credentials == known and base_url == known_base_url
