"""The one door to Onfido: a client that speaks with a provider's token, until a deadline."""

from __future__ import annotations

from connector.domain.provider import BaseUrlPolicy, Provider
from connector.domain.verification import Verification
from connector.errors import Code, ConfigurationError, InvalidField, RequestError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.services.providers.registry import Providers
from connector.services.timing import Deadline
from connector.store.sealed import provider_secret
from connector.store.vault import Vault


class Onfido:
    """Reaches Onfido on behalf of providers.

    Each method raises `RequestError` (OIDV-10016) where what is stored of the provider can no longer be used.
    """

    def __init__(self, providers: Providers, vault: Vault, transport: OnfidoTransport, policy: BaseUrlPolicy) -> None:
        self._providers = providers
        self._vault = vault
        self._transport = transport
        self._policy = policy

    def of_verification(self, verification: Verification, deadline: Deadline) -> OnfidoClient:
        """Return a client for a verification's provider; raises `RequestError` where that was removed."""
        return self.of_provider(self._providers.get(verification.tenant, verification.provider_id), deadline)

    def of_provider(self, provider: Provider, deadline: Deadline) -> OnfidoClient:
        """Return a client for a provider."""
        token = self._api_token(provider)
        return self._transport.client(
            provider.base_url, token, deadline=deadline.at, is_background=deadline.is_background
        )

    def _api_token(self, provider: Provider) -> str:
        try:
            self._policy.check(provider.base_url)
            return self._vault.open(provider.sealed_api_token, provider_secret(provider.provider_id, "api_token"))
        except (InvalidField, ConfigurationError) as error:
            raise RequestError(
                Code.CONFIGURATION_INVALID, f"The provider {provider.name} cannot be used: {error.description}"
            ) from error
