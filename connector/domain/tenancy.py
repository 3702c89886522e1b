"""Tenants: organizations that share a deployment and cannot see each other's data."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TENANT = "carbon.super"  # WSO2 Identity Server's name of the default tenant


@dataclass(frozen=True)
class Tenant:
    """A tenant, as the settings describe it."""

    name: str


def tenant_path(tenant: str) -> str:
    """Return the prefix of a tenant's paths."""
    return "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
