"""The settings of a tenant, `[[tenants]]`: its issuers, its directory, its limits and its pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field, replace

from connector.domain.frozen import frozen
from connector.domain.tenancy import DEFAULT_TENANT
from connector.errors import ConfigurationError
from connector.settings import checks
from connector.settings.directory import DirectorySettings
from connector.settings.fields import Checked, describe, setting
from connector.settings.issuers import Issuer, distinct
from connector.settings.signals import SignalSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_EXAMPLE_ISSUER = {"issuer": "https://idp.acme.example/oauth2/token", "audience": "connector"}


def tenant_name(value: str) -> str:
    """Check for a name that can be part of a path."""
    if not _NAME.fullmatch(value):
        raise ValueError(
            "must have 1 to 128 ASCII letters and digits, and after the first character also '.', '_' and '-'"
        )
    return value


@frozen
class Limits(Checked):
    """The limits of a tenant."""

    calls: int = setting(
        0,
        "The maximum number of concurrent calls of the tenant that wait for Onfido or send files, in each process; "
        "0: the share of `threads` for one tenant.",
        checks.between(0, 1_000_000),
    )
    calls_of_a_user: int = setting(0, "The same for each user of the tenant.", checks.between(0, 1_000_000))
    attempts: int = setting(
        0,
        "The maximum number of runs that a user may start within a provider's `attempt_window`, in addition to its "
        "`max_attempts`; 0: no further limit.",
        checks.between(0, 1_000_000),
    )


@frozen
class Tenant(Checked):
    """An organization with its own issuers, users and pages."""

    name: str = field(metadata=describe("Its name in paths, `/t/{name}/…`.", tenant_name, example="acme"))
    shares_users: bool = setting(
        False, "Whether it may have several issuers: then `sub` has to mean the same user at each of them."
    )
    allowed_origins: tuple[str, ...] = setting(
        (), "Origins whose pages may call its paths, besides those of the whole deployment.", checks.origins
    )
    trust_framework: str = setting("", "Its own `trust_framework`; empty: that of the deployment, with its level.")
    assurance_level: str = setting("", "The `assurance_level` of its own trust framework; empty: none is claimed.")
    issuers: tuple[Issuer, ...] = setting(
        (),
        "Its authorization servers, with the settings of [[issuers]] except `tenant`, `tenant_claim` and "
        "`shares_users`.",
        example=_EXAMPLE_ISSUER,
    )
    directory: DirectorySettings = setting(DirectorySettings(), "The source of its users' values.")
    limits: Limits = setting(Limits(), "Its limits.")
    signals: SignalSettings = setting(
        SignalSettings(), "Its own signals; without a namespace, those of the deployment."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for each in self.issuers:
            if each.tenant != DEFAULT_TENANT or each.tenant_claim or each.shares_users:
                raise ConfigurationError(
                    f"the issuer {each.issuer} must not set tenant, tenant_claim or shares_users: its tenant is "
                    f"{self.name}."
                )

    @property
    def own_issuers(self) -> Iterator[Issuer]:
        """Return its issuers in the form of `[[issuers]]`."""
        return (replace(each, tenant=self.name, shares_users=self.shares_users) for each in self.issuers)


def distinct_tenants(tenants: tuple[Tenant, ...]) -> tuple[Tenant, ...]:
    """Check for one entry per tenant."""
    if len({each.name for each in tenants}) < len(tenants):
        raise ValueError("must name every tenant once")
    return tenants


def all_issuers(issuers: Iterable[Issuer], tenants: Iterable[Tenant]) -> tuple[Issuer, ...]:
    """Return the issuers of both forms; raises ValueError if two of them could name users of one tenant."""
    return distinct((*issuers, *(issuer for tenant in tenants for issuer in tenant.own_issuers)))
