"""The number of objects that depend on a provider, counted before it is disabled or removed."""

from __future__ import annotations

from connector.domain.frozen import frozen
from connector.domain.tenancy import Tenant
from connector.services.providers.registry import Providers
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.providers import provider_usage

MOST = 1000  # means as many or more, because counting more would take longer


@frozen
class Usage:
    """Numbers, each counted up to `MOST`."""

    open_verifications: int
    verifications: int
    verified_claims: int
    applicants: int


@use_case
class ProviderUsage:
    """Counts the dependents of a provider; the method takes the tenant."""

    _database: Database
    _providers: Providers

    def of(self, tenant: Tenant, provider_id: str) -> Usage:
        """Return the number of a provider's dependents; raise `RequestError` if there is none."""
        self._providers.get(tenant, provider_id)
        with self._database.read() as connection:
            return Usage(
                provider_usage.count_open(connection, provider_id, MOST),
                provider_usage.count_verifications(connection, provider_id, MOST),
                provider_usage.count_verified(connection, provider_id, MOST),
                provider_usage.count_applicants(connection, provider_id, MOST),
            )
