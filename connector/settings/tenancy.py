"""The tenants that the settings describe."""

from __future__ import annotations

from connector.domain.tenancy import Tenant, Tenants
from connector.settings import Settings


def read_tenants(settings: Settings) -> Tenants:
    """Return the tenants of a deployment."""
    return Tenants(other=Tenant("", allowed_origins=frozenset(settings.allowed_origins)))
