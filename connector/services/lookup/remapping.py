"""The number of claims that were verified by a mapping that is about to change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from connector.domain.frozen import frozen
from connector.domain.providers.mapping import changed_claims
from connector.domain.tenancy import Tenant
from connector.domain.verifications.dry_run import Draft, check_draft
from connector.services.providers.registry import Providers
from connector.services.use_case import use_case
from connector.store.engine import Database
from connector.store.statistics import claim_counts

MOST_COUNTED = 10_000  # which then stands for that many or more


@frozen
class RemappingImpact:
    """The claims that a draft maps to another field or no longer maps, and how many of users' are verified."""

    claims: Sequence[str]
    verified: int
    at_most: int = MOST_COUNTED


@use_case
class Remapping:
    """Counts claims for one tenant's providers."""

    _database: Database
    _providers: Providers

    def estimate(self, tenant: Tenant, provider_id: str, mapping: Mapping[str, str]) -> RemappingImpact:
        """Return the impact of a draft of a provider's mapping.

        Raises as `count` does, and `InvalidField` for a draft that no provider could have.
        """
        check_draft(Draft(mapping, ()))
        changed = changed_claims(self._providers.get(tenant, provider_id).claims, mapping)
        return RemappingImpact(changed, self.count(tenant, provider_id, changed))

    def count(self, tenant: Tenant, provider_id: str, uris: Collection[str]) -> int:
        """Return the number of verified claims with these URIs, up to `MOST_COUNTED`.

        They stay verified, although they were verified as other fields. Raises `RequestError` if there is no such
        provider.
        """
        provider = self._providers.get(tenant, provider_id)
        with self._database.read() as connection:
            return claim_counts.count_verified(connection, provider.provider_id, uris, MOST_COUNTED)
