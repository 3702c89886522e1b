"""Tenants are values, found by their names."""

from __future__ import annotations

from connector.domain.tenancy import DEFAULT_TENANT, Tenant, Tenants

ACME = Tenant("acme", allowed_origins=frozenset({"https://acme.example"}))
OTHER = Tenant("", allowed_origins=frozenset({"https://app.example"}))


def test_a_configured_tenant_is_found_by_its_name() -> None:
    assert Tenants([ACME], OTHER).named("acme") is ACME


def test_any_other_name_is_a_tenant_too() -> None:
    found = Tenants([ACME], OTHER).named("umbrella")
    assert (found.name, found.allowed_origins) == ("umbrella", OTHER.allowed_origins)


def test_tenants_are_equal_by_value() -> None:
    assert len({Tenant("acme"), Tenant("acme"), Tenant("ACME")}) == 2


def test_only_the_default_tenant_has_paths_without_its_name() -> None:
    assert (Tenant(DEFAULT_TENANT).path, Tenant("acme").path) == ("", "/t/acme")
