"""The only access to Onfido: a client with a provider's credentials and a deadline."""

from __future__ import annotations

from connector.domain.messages import message
from connector.domain.providers.credentials import Credentials
from connector.domain.providers.provider import Provider
from connector.domain.providers.provider_rules import BaseUrlPolicy
from connector.domain.verifications.verification import Verification
from connector.errors import Code, ConfigurationError, InvalidField, RequestError
from connector.onfido.client import OnfidoClient, OnfidoTransport
from connector.services.providers.registry import Providers
from connector.services.providers.secrets import Secrets
from connector.services.timing import Deadline
from connector.services.use_case import use_case


@use_case
class Onfido:
    """Creates clients for Onfido on behalf of providers.

    Each method raises `RequestError` (OIDV-10016) if the stored configuration can no longer be used.
    """

    _providers: Providers
    _secrets: Secrets
    _transport: OnfidoTransport
    _policy: BaseUrlPolicy

    def of_verification(self, verification: Verification, deadline: Deadline) -> OnfidoClient:
        """Return a client for a verification's provider; raises `RequestError` if that was removed."""
        return self.of_provider(self._providers.of(verification), deadline)

    def of_provider(self, provider: Provider, deadline: Deadline, calls: int = 1) -> OnfidoClient:
        """Return a client for a provider; the first of its `calls` reserves all of them."""
        credentials = self._credentials(provider)
        return self._transport.client(
            provider.base_url,
            credentials,
            deadline=deadline.at,
            is_background=deadline.is_background,
            calls=calls,
        )

    def held(self, provider: Provider) -> float:
        """Return for how many seconds Onfido accepts no calls of a provider's account; 0 if it accepts them."""
        credentials = self._credentials(provider)
        account = credentials if isinstance(credentials, str) else credentials.client_id
        return self._transport.held(provider.base_url, account)

    def with_credentials(self, credentials: Credentials, base_url: str, deadline: Deadline) -> OnfidoClient:
        """Return a client with credentials that are not stored yet; raise `InvalidField` for a forbidden base URL."""
        self._policy.check(base_url)
        return self._transport.client(base_url, credentials, deadline=deadline.at, is_background=False)

    def _credentials(self, provider: Provider) -> Credentials:
        try:
            self._policy.check(provider.base_url)
            return self._secrets.credentials(provider)
        except (InvalidField, ConfigurationError) as error:
            raise RequestError(
                Code.CONFIGURATION_INVALID,
                message(
                    "The provider %(name)s cannot be used: %(description)s",
                    name=provider.name,
                    description=error.description,
                ),
            ) from error
