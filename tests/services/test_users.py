"""The users of the embedded directory, however many there are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from connector.domain.tenancy import Tenant
from connector.errors import Code, InvalidField, RequestError
from connector.services.people.users import PAGE_SIZE
from connector.store.models import users
from tests.harness import World


def test_all_users_of_a_tenant_are_listed_in_order(world: World) -> None:
    user_ids = [f"user-{number:04}" for number in range(PAGE_SIZE + 1)]
    rows = [{"tenant": world.tenant, "user_id": user_id, "created_at": datetime.now(UTC)} for user_id in user_ids]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(users), [*reversed(rows), {**rows[0], "tenant": "another"}])

    assert list(world.connector.services.users.ids(Tenant(world.tenant))) == user_ids


def test_a_full_page_of_users_is_listed_once(world: World) -> None:
    rows = [{"tenant": world.tenant, "user_id": f"{at:04}", "created_at": datetime.now(UTC)} for at in range(PAGE_SIZE)]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(users), rows)

    assert len(list(world.connector.services.users.ids(Tenant(world.tenant)))) == PAGE_SIZE


@pytest.mark.one_database
@pytest.mark.parametrize("user_id", ["", "u" * 256, "ann\nbea", "me"])
def test_a_user_with_an_unusable_id_is_not_added(world: World, user_id: str) -> None:
    with pytest.raises(InvalidField, match="user id: must "):
        world.connector.services.users.add(Tenant(world.tenant), user_id, {})

    assert list(world.connector.services.users.ids(Tenant(world.tenant))) == []


@pytest.mark.one_database
def test_an_unknown_user_has_no_values(world: World) -> None:
    with pytest.raises(RequestError) as refused:
        world.connector.services.users.values(Tenant(world.tenant), "nobody")

    assert refused.value.code == Code.USER_NOT_FOUND


@pytest.mark.one_database
@pytest.mark.parametrize("provider_id", ["no-such-provider", "00000000-0000-4000-8000-000000000000"])
def test_unlocking_with_an_unknown_provider_is_refused(world: World, provider_id: str) -> None:
    world.start(world.add_user())

    with pytest.raises(RequestError) as refused:
        world.connector.services.users.unlock(Tenant(world.tenant), "ann", provider_id)

    assert refused.value.code == Code.CLAIM_PROVIDER_NOT_FOUND
    assert world.connector.services.users.unlock(Tenant(world.tenant), "ann", world.provider_id) == 1
