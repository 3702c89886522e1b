"""How many claims were verified by a mapping that is about to change."""

from __future__ import annotations

from collections.abc import Collection

from connector.domain.tenancy import Tenant
from connector.services.providers.registry import Providers
from connector.store import claim_counts
from connector.store.engine import Database

MOST_COUNTED = 10_000


class Remapping:
    """Counts for one tenant's providers."""

    def __init__(self, database: Database, providers: Providers) -> None:
        self._database = database
        self._providers = providers

    def count(self, tenant: Tenant, provider_id: str, uris: Collection[str]) -> int:
        """Return how many of users' claims of these kinds are verified, up to `MOST_COUNTED`.

        They stay verified, though they were verified as other fields. Raises `RequestError` if there is no such
        provider.
        """
        provider = self._providers.get(tenant, provider_id)
        with self._database.read() as connection:
            return claim_counts.count_verified(connection, provider.provider_id, uris, MOST_COUNTED)
