"""Statements on providers: names are unique in a tenant, tokens expire, and filters match the written text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from connector.domain.providers.provider import Condition
from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.engine import Database
from connector.store.providers import providers, webhook_access

Add = Callable[..., str]
NAMES = ("100% sure", "Onfido EU", "a_b", "axb", "ÉCOLE", "onfido us")


def matching(database: Database, *conditions: Condition) -> list[str]:
    with database.read() as connection:
        page, total = providers.find_page(connection, DEFAULT_TENANT, conditions, 100, 0)
    assert total == len(page)
    return sorted(provider.name for provider in page)


def test_a_name_is_unique_in_a_tenant(database: Database, add_provider: Add, now: datetime) -> None:
    add_provider(name="one")
    with pytest.raises(IntegrityError):
        add_provider(name="one")
    add_provider(name="one", tenant="acme")
    other = add_provider(name="two")
    with pytest.raises(IntegrityError), database.write() as connection:
        providers.change(connection, other, {"name": "one"}, now)


@pytest.mark.parametrize(
    ("operator", "value", "names"),
    [
        ("eq", "onfido eu", ["Onfido EU"]),
        ("sw", "ONFIDO", ["Onfido EU", "onfido us"]),
        ("ew", "us", ["onfido us"]),
        ("co", "fido", ["Onfido EU", "onfido us"]),
        ("co", "%", ["100% sure"]),
        ("co", "_", ["a_b"]),
        ("eq", "a_b", ["a_b"]),
        ("eq", "ÉCOLE", ["ÉCOLE"]),
        ("sw", "ÉC", ["ÉCOLE"]),
        ("eq", "no such", []),
    ],
)
def test_a_filter_matches_names_without_regard_to_case(
    database: Database, add_provider: Add, operator: str, value: str, names: list[str]
) -> None:
    for name in NAMES:
        add_provider(name=name)
    assert matching(database, Condition("name", operator, value)) == names


def test_conditions_apply_together_and_within_the_tenant(database: Database, add_provider: Add) -> None:
    add_provider(name="Onfido")
    add_provider(name="Onfido", tenant="acme")
    is_ours = Condition("type", "eq", "onfido")
    assert matching(database, is_ours, Condition("is_enabled", "eq", True)) == ["Onfido"]
    assert matching(database, is_ours, Condition("is_enabled", "eq", False)) == []
    assert matching(database, Condition("type", "eq", "evident")) == []


def test_a_page_is_ordered_by_name_and_has_the_total(database: Database, add_provider: Add) -> None:
    for name in ("c", "a", "b"):
        add_provider(name=name)
    with database.read() as connection:
        page, total = providers.find_page(connection, DEFAULT_TENANT, [], 2, 1)
    assert ([provider.name for provider in page], total) == (["b", "c"], 3)


def test_a_replaced_webhook_token_is_valid_until_it_expires(
    database: Database, provider_id: str, now: datetime
) -> None:
    def tokens(at: datetime, tenant: str = DEFAULT_TENANT) -> dict[str, str] | None:
        with database.read() as connection:
            found = webhook_access.find(connection, provider_id, tenant)
        return None if found is None else dict(found.tokens.valid(at))

    assert tokens(now) == {}
    replaced = {
        "webhook_token": "new",
        "previous_webhook_token": "old",
        "previous_webhook_token_expires_at": now + timedelta(hours=1),
    }
    with database.write() as connection:
        providers.change(connection, provider_id, replaced, now)
    assert tokens(now) == {"webhook_token": "new", "previous_webhook_token": "old"}
    assert tokens(now + timedelta(hours=1)) == {"webhook_token": "new"}
    assert tokens(now, "acme") is None


def test_a_provider_belongs_to_its_tenant(database: Database, add_provider: Add, provider_id: str) -> None:
    add_provider(name="elsewhere", tenant="acme")
    with database.write() as connection:
        found = providers.find(connection, provider_id, DEFAULT_TENANT)
        assert found is not None
        assert (found.name, found.has_webhook_token, found.claims) == ("Onfido", False, {"givenname": "first_name"})
        assert providers.find(connection, provider_id, "acme") is None
        assert providers.lock(connection, provider_id, "acme") is None
        assert providers.lock(connection, provider_id, DEFAULT_TENANT)
        assert providers.find_known(connection, DEFAULT_TENANT, [provider_id, "unknown"]) == {provider_id}
        assert providers.find_known(connection, "acme", [provider_id]) == set()
