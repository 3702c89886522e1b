"""Tenants: who shares a deployment without seeing each other."""

DEFAULT_TENANT = "carbon.super"  # WSO2 Identity Server's name for the one that needs none


def tenant_path(tenant: str) -> str:
    """Return the prefix of a tenant's paths."""
    return "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
