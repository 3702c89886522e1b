"""The users of the embedded directory, however many there are."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert

from connector.services.people.users import PAGE_SIZE
from connector.store.models import users
from tests.harness import World


def test_all_users_of_a_tenant_are_told_in_their_order(world: World) -> None:
    user_ids = [f"user-{number:04}" for number in range(PAGE_SIZE + 1)]
    rows = [{"tenant": world.tenant, "user_id": user_id, "created_at": datetime.now(UTC)} for user_id in user_ids]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(users), [*reversed(rows), {**rows[0], "tenant": "another"}])

    assert list(world.connector.services.users.ids(world.tenant)) == user_ids


def test_a_full_page_of_users_is_told_once(world: World) -> None:
    rows = [{"tenant": world.tenant, "user_id": f"{at:04}", "created_at": datetime.now(UTC)} for at in range(PAGE_SIZE)]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(users), rows)

    assert len(list(world.connector.services.users.ids(world.tenant))) == PAGE_SIZE
