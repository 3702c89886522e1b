"""The tenants that the settings describe."""

from __future__ import annotations

from connector.domain.assurance import Assurance
from connector.domain.signals import SignalChoice
from connector.domain.tenancy import Tenant, TenantLimits, Tenants
from connector.settings import Settings
from connector.settings.tenants import Tenant as TenantSettings


def read_tenants(settings: Settings) -> Tenants:
    """Return the tenants of a deployment; one without a table gets the settings of the whole deployment.

    Raises `ConfigurationError` if a secret that the settings refer to does not exist.
    """
    everywhere = frozenset(settings.allowed_origins)
    assurance = Assurance(settings.trust_framework, settings.assurance_level)
    signals = settings.signals.choice
    configured = [_read(each, everywhere, assurance, signals) for each in settings.tenants]
    return Tenants(configured, Tenant("", allowed_origins=everywhere, assurance=assurance, signals=signals))


def _read(
    settings: TenantSettings, everywhere: frozenset[str], other: Assurance, other_signals: SignalChoice
) -> Tenant:
    given = settings.limits
    limits = TenantLimits(given.calls or None, given.calls_of_a_user or None, given.attempts or None)
    origins = everywhere.union(settings.allowed_origins)
    own = Assurance(settings.trust_framework, settings.assurance_level)
    assurance = own if own.trust_framework else other
    signals = settings.signals.choice if settings.signals.namespace else other_signals
    return Tenant(settings.name, settings.directory.choice(), limits, origins, assurance, signals)
