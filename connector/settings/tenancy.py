"""The tenants that the settings describe."""

from __future__ import annotations

from connector.domain.assurance import Assurance
from connector.domain.tenancy import Tenant, TenantLimits, Tenants
from connector.settings import Settings
from connector.settings.tenants import Tenant as TenantSettings


def read_tenants(settings: Settings) -> Tenants:
    """Return the tenants of a deployment; one without a table has what holds for the whole deployment.

    Raises `ConfigurationError` if a secret that the settings name is not there.
    """
    everywhere = frozenset(settings.allowed_origins)
    assurance = Assurance(settings.trust_framework, settings.assurance_level)
    configured = [_read(each, everywhere, assurance) for each in settings.tenants]
    return Tenants(configured, Tenant("", allowed_origins=everywhere, assurance=assurance))


def _read(settings: TenantSettings, everywhere: frozenset[str], other: Assurance) -> Tenant:
    given = settings.limits
    limits = TenantLimits(given.calls or None, given.calls_of_a_user or None, given.attempts or None)
    origins = everywhere.union(settings.allowed_origins)
    own = Assurance(settings.trust_framework, settings.assurance_level)
    return Tenant(settings.name, settings.directory.choice(), limits, origins, own if own.trust_framework else other)
