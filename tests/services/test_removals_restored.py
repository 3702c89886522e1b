"""A backup from the middle of a removal: once restored, it shows no removed object, and the deletion continues."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from connector.bootstrap import Services, create_services
from connector.domain.tenancy import Tenant
from connector.domain.verifications.verification import VerificationFilter
from connector.settings import Settings
from connector.store.sealed import sealed_columns
from tests.bodies import event_body
from tests.contract.wire import ALL_SCOPES, OPENID_CLIENTS, PROVIDERS
from tests.crowd import SEALED
from tests.harness import World
from tests.races.attack import ALL_CLEAR
from tests.services.filling import fill, forget_deliveries
from tests.services.removing import rows_left
from tests.services.restoring import restore
from tests.services.test_removed_providers import register
from tests.services.test_workers import worker
from tests.waiting import wait_until

__all__ = ["restore"]
NUMBER = 450  # more than two transactions


def remove_partly(world: World) -> None:
    """Remove the provider and a client of it, before the worker deletes anything."""
    world.connector.rest()
    admin = world.connector.caller("admin", [*ALL_SCOPES, "internal_idv_claim_delete"])
    ann = world.add_user("ann")
    assert world.post_event(event_body(world.start(ann), "approved", ALL_CLEAR)).ok
    fill(world, NUMBER - 1)
    forget_unreadable(world)
    client_id = register(world, admin)
    assert shown(world.connector.services, world)
    assert admin.request("DELETE", f"{OPENID_CLIENTS}/{client_id}").status_code == 204
    assert admin.request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204


def forget_unreadable(world: World) -> None:
    """Delete placeholders of encrypted values: their key does not exist, so a backup could not be restored."""
    with world.connector.services.database.write() as connection:
        for column in (each.column for each in sealed_columns()):
            is_unreadable = column == SEALED
            if column.nullable:
                connection.execute(update(column.table).where(is_unreadable).values({column.name: None}))
            else:
                connection.execute(delete(column.table).where(is_unreadable))


def shown(services: Services, world: World) -> list[object]:
    """Return everything that use cases return about the provider, its user and its client."""
    tenant = Tenant(world.tenant)
    listed = services.user_list.describe(tenant, services.users.page(tenant, limit=200)).rows
    return [
        *services.providers.all(tenant),
        *services.lookup.page(tenant, VerificationFilter(), limit=10).rows,
        *services.claims.all(tenant, "ann"),
        *services.openid_clients.all(tenant),
        *(each for each in listed if each.latest is not None or each.verified),
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("has_delivery", [True, False])
def test_a_removal_goes_on_in_a_restored_database(
    world: World, restore: Callable[[], Settings], tmp_path: Path, has_delivery: bool
) -> None:
    remove_partly(world)
    if not has_delivery:  # as one that was given up and dropped
        forget_deliveries(world)
    settings = restore()

    with closing(create_services(settings, world.clock)) as services:
        assert rows_left(services.database, world.provider_id)["verifications"] == NUMBER
        assert shown(services, world) == []
        with worker(settings, tmp_path / "notes"):
            wait_until(lambda: rows_left(services.database, world.provider_id) == {}, 300)
        assert shown(services, world) == []
    assert rows_left(world.connector.services.database, world.provider_id)["verifications"] == NUMBER
