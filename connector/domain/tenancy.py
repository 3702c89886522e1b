"""Tenants: organizations that share a deployment and cannot see each other's data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

DEFAULT_TENANT = "carbon.super"  # WSO2 Identity Server's name of the default tenant
LOCAL = "local"  # the kind of the embedded directory


@dataclass(frozen=True)
class DirectoryChoice:
    """The directory that a tenant's users are in: its kind, and what that kind has to know."""

    kind: str = LOCAL
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True)
class Tenant:
    """A tenant, as the settings describe it; resolved once, where a request, a command or a stored row names it."""

    name: str
    directory: DirectoryChoice = DirectoryChoice()
    allowed_origins: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The prefix of its paths."""
        return tenant_path(self.name)


class OfProvider(Protocol):
    """A stored record that belongs to a provider of a tenant."""

    @property
    def tenant(self) -> str:
        """The tenant's name."""

    @property
    def provider_id(self) -> str:
        """The provider's id."""


class Tenants:
    """The tenants of a deployment, by name; one that is not configured is like `other`."""

    def __init__(self, configured: Iterable[Tenant] = (), other: Tenant = Tenant("")) -> None:
        self._configured = {each.name: each for each in configured}
        self._other = other

    def named(self, name: str) -> Tenant:
        """Return the tenant of that name."""
        return self._configured.get(name) or replace(self._other, name=name)


def tenant_path(tenant: str) -> str:
    """Return the prefix of the paths of the tenant of that name."""
    return "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
