"""Registering identity verification providers, and reaching Onfido on behalf of one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

from connector.domain.provider import BaseUrlPolicy, Condition, Provider, ProviderConfig, check_config, invalid
from connector.errors import Code, ConfigurationError, RequestError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.store import providers
from connector.store.engine import Database
from connector.store.vault import Vault

_SECRETS = ("api_token", "webhook_token")


class Providers:
    """Providers of every tenant; each method takes the tenant it may see."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        onfido: OnfidoTransport,
        policy: BaseUrlPolicy,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._onfido = onfido
        self._policy = policy
        self._clock = clock

    def add(self, tenant: str, config: ProviderConfig) -> Provider:
        """Register a provider; its API token is required.

        Raises `RequestError`: a field is invalid, or the name is taken in this tenant.
        """
        check_config(config, self._policy)
        if config.api_token is None:
            raise invalid("configProperties.token", "it is missing: give an API token from Onfido's dashboard")
        provider_id = str(uuid.uuid4())
        with _name_conflict(config), self._database.write() as connection:
            providers.add(connection, provider_id, tenant, self._columns(provider_id, config), self._clock())
        return self.get(tenant, provider_id)

    def change(self, tenant: str, provider_id: str, config: ProviderConfig) -> Provider:
        """Replace a provider's configuration; secrets that are None stay.

        Raises `RequestError`: no such provider, a field is invalid, or the name is taken.
        """
        check_config(config, self._policy)
        with _name_conflict(config), self._database.write() as connection:
            columns = self._columns(provider_id, config)
            if not providers.change(connection, provider_id, tenant, columns, self._clock()):
                raise _not_found(provider_id)
        return self.get(tenant, provider_id)

    def get(self, tenant: str, provider_id: str) -> Provider:
        """Give a provider of the tenant's; raises `RequestError` where there is none."""
        with self._database.read() as connection:
            found = providers.find(connection, provider_id, tenant)
        if found is None:
            raise _not_found(provider_id)
        return found

    def page(
        self, tenant: str, *, conditions: Sequence[Condition] = (), limit: int, offset: int
    ) -> tuple[list[Provider], int]:
        """Give a page of the tenant's providers in the order of their names, and the number of all that match."""
        with self._database.read() as connection:
            return providers.find_page(connection, tenant, conditions, limit, offset)

    def remove(self, tenant: str, provider_id: str) -> None:
        """Remove a provider with all that was verified through it; raises `RequestError` where there is none."""
        with self._database.write() as connection:
            if not providers.remove(connection, provider_id, tenant):
                raise _not_found(provider_id)

    def find_enabled(self, tenant: str, provider_id: str) -> Provider:
        """Give a provider that may be used for verification; raises `RequestError` (OIDV-10009) otherwise."""
        with self._database.read() as connection:
            found = providers.find(connection, provider_id, tenant)
        if found is None or not found.is_enabled:
            raise RequestError(
                Code.PROVIDER_UNAVAILABLE,
                f"The identity verification provider {provider_id} is {'disabled' if found else 'not registered'}.",
            )
        return found

    def webhook_tokens(self, tenant: str, provider_id: str) -> list[str]:
        """Give the tokens that Onfido may sign with; raises `RequestError` where there is no such provider."""
        with self._database.read() as connection:
            sealed = providers.find_webhook_tokens(connection, provider_id, tenant)
        if sealed is None:
            raise RequestError(Code.WEBHOOK_PROVIDER_UNKNOWN, f"There is no provider {provider_id}.")
        return [self._vault.open(token, _context(provider_id, "webhook_token")) for token in sealed]

    def onfido(self, provider: Provider) -> OnfidoClient:
        """Give a client that speaks to Onfido with the provider's token.

        Raises `RequestError` (OIDV-10016) where what is stored can no longer be used.
        """
        with self._database.read() as connection:
            sealed = providers.find_api_token(connection, provider.provider_id)
        try:
            self._policy.check(provider.base_url)
            token = self._vault.open(sealed, _context(provider.provider_id, "api_token"))
        except (RequestError, ConfigurationError) as error:
            raise RequestError(
                Code.CONFIGURATION_INVALID, f"The provider {provider.name} cannot be used: {error.description}"
            ) from error
        return self._onfido.client(provider.base_url, token)

    def _columns(self, provider_id: str, config: ProviderConfig) -> Mapping[str, Any]:
        plain = {
            "name": config.name,
            "description": config.description,
            "image": config.image,
            "is_enabled": config.is_enabled,
            "claims": dict(config.claims),
            "workflow_id": config.workflow_id,
            "base_url": config.base_url,
            "max_attempts": config.max_attempts,
            "attempt_window": config.attempt_window,
        }
        given = {name: getattr(config, name) for name in _SECRETS if getattr(config, name) is not None}
        return plain | {name: self._vault.seal(secret, _context(provider_id, name)) for name, secret in given.items()}


@contextmanager
def _name_conflict(config: ProviderConfig) -> Iterator[None]:
    """Turn the database's refusal of a second provider of the same name into the contract's error."""
    try:
        yield
    except IntegrityError as error:
        description = f"name: this tenant has a provider named {config.name} already."
        raise RequestError(Code.PROVIDER_NAME_TAKEN, description) from error


def _context(provider_id: str, name: str) -> str:
    return f"providers/{provider_id}/{name}"


def _not_found(provider_id: str) -> RequestError:
    return RequestError(Code.PROVIDER_NOT_FOUND, f"There is no identity verification provider {provider_id}.")
