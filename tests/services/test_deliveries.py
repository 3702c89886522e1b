"""Deliveries of a tenant: listed, retried and dropped by its administrators, who see no other tenant's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.domain.answered import Answered
from connector.domain.deliveries import DeliveryFilter
from connector.domain.tenancy import Tenant
from connector.services.outbox import Handler, Outbox, Undeliverable
from connector.services.providers.deletion import DeleteApplicant
from connector.services.results.deliveries import CheckVerification
from connector.services.upkeep import Sweep
from connector.store.deliveries import outbox
from connector.store.deliveries.redelivery import Preview
from connector.store.models import outbox as outbox_table
from connector.store.vault import Vault, read_keys
from tests.contract.wire import assert_error
from tests.harness import Caller, World

DELIVERIES = "/api/server/v1/deliveries"
AUDIT = "/api/server/v1/audit"
OTHERS = "elsewhere.example"
UNKNOWN = "0b9c8e1e-0000-4000-8000-000000000000"


@pytest.fixture
def admin(world: World) -> Caller:
    """An administrator of a tenant with two deliveries, beside another tenant with one, and one of no tenant."""
    world.connector.rest()
    orders: list[Any] = [
        DeleteApplicant(world.tenant, "provider-1", "applicant-1"),
        CheckVerification(world.tenant, "provider-1", "verification-1"),
        DeleteApplicant(OTHERS, "provider-2", "applicant-2"),
        Sweep(),
    ]
    with world.connector.services.database.write() as connection:
        for order in orders:
            outbox.add(connection, order)
    return world.connector.as_admin(world.tenant)


def listed(caller: Caller, **query: Any) -> list[Any]:
    answer = caller.get(DELIVERIES, params=query)
    assert answer.status_code == 200, answer.text
    deliveries: list[Any] = answer.json()["deliveries"]
    return deliveries


def work(world: World, *answers: Answered | Exception) -> None:
    """Deliver each once, with these answers in place of Onfido's."""
    left = list(answers)

    def deliver(_order: Any) -> Answered | None:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    handlers: list[Handler[Any]] = [Handler(DeleteApplicant, deliver), Handler(CheckVerification, deliver)]
    settings, services = world.connector.settings, world.connector.services
    vault = Vault(read_keys(settings.encryption_keys, settings.data_dir, None))
    worker = Outbox(services.database, handlers, vault)
    while left:
        assert worker.work("tests")


def test_only_the_tenants_deliveries_are_listed_the_latest_first(world: World, admin: Caller) -> None:
    mine, theirs = listed(admin), listed(world.connector.as_admin(OTHERS))

    assert {(each["kind"], each["tenant"]) for each in mine} == {
        ("delete_applicant", world.tenant),
        ("check_verification", world.tenant),
    }
    assert [(each["kind"], each["tenant"], each["providerId"]) for each in theirs] == [
        ("delete_applicant", OTHERS, "provider-2")
    ]
    assert [each["createdAt"] for each in mine] == sorted((each["createdAt"] for each in mine), reverse=True)


def test_filters_and_pages_select_deliveries(world: World, admin: Caller) -> None:
    [check] = listed(admin, verificationId="verification-1")
    assert (check["kind"], check["state"], check["payload"]["verificationId"]) == (
        *("check_verification", "ready"),
        "verification-1",
    )
    assert listed(admin, state="dead") == listed(admin, endpointId=UNKNOWN) == []

    first = admin.get(DELIVERIES, params={"limit": 1}).json()
    second = admin.get(DELIVERIES, params={"limit": 1, "cursor": first["nextCursor"]}).json()
    assert [each["id"] for each in (*first["deliveries"], *second["deliveries"])] == [
        each["id"] for each in listed(admin)
    ]
    assert (first["count"], second["nextCursor"]) == (1, None)
    elsewhere = world.connector.as_admin(OTHERS).get(DELIVERIES, params={"cursor": first["nextCursor"]})
    assert_error(elsewhere, 400, "IDVP-60004", "cursor")


def test_the_answer_and_its_duration_are_stored(world: World, admin: Caller) -> None:
    others = world.connector.as_admin(OTHERS)
    [foreign] = listed(others)
    assert others.request("DELETE", f"{DELIVERIES}/{foreign['id']}").status_code == 204
    work(world, Answered(204, 0.0123, "thanks \0 Ann"), Undeliverable("nobody is there"))

    [answered] = listed(admin, state="done")
    [dead] = listed(admin, state="dead")
    assert answered["history"][0] | {"at": ""} == {"number": 1, "at": "", "status": 204, "seconds": 0.012}
    assert answered["settledAt"] is not None
    assert admin.get(f"{DELIVERIES}/{answered['id']}").json()["answer"] == "thanks \0 Ann"
    assert (dead["lastFailure"], answered["lastFailure"]) == ("Undeliverable: nobody is there", None)
    with world.connector.services.database.read() as connection:
        stored = [row.answer for row in outbox.find_page(connection, ("done",), 10)]
    assert not any("Ann" in (each or "") for each in stored)


def test_an_administrator_retries_and_drops_only_the_tenants_deliveries_and_is_audited(
    world: World, admin: Caller
) -> None:
    others = world.connector.as_admin(OTHERS)
    [check] = listed(admin, verificationId="verification-1")
    [foreign] = listed(others)

    assert admin.post(f"{DELIVERIES}/{check['id']}/retry", None).status_code == 204
    assert admin.request("DELETE", f"{DELIVERIES}/{check['id']}").status_code == 204

    entries = admin.get(AUDIT, params={"subject": "outbox", "object": check["id"]}).json()["entries"]
    assert [(each["to"], each["providerId"]) for each in entries] == [
        ("dropped", "provider-1"),
        ("retried", "provider-1"),
    ]
    assert others.get(AUDIT, params={"subject": "outbox"}).json()["entries"] == []
    for delivery_id in (check["id"], foreign["id"], UNKNOWN, "x"):
        path = f"{DELIVERIES}/{delivery_id}"
        for answer in (admin.get(path), admin.post(f"{path}/retry", None), admin.request("DELETE", path)):
            assert_error(answer, 404, "IDVP-60019")
    assert listed(others) == [foreign]


def test_a_completed_delivery_can_neither_be_retried_nor_dropped(world: World, admin: Caller) -> None:
    work(world, *[Answered(204, 0.0)] * 3)

    for each in listed(admin):
        path = f"{DELIVERIES}/{each['id']}"
        assert_error(admin.post(f"{path}/retry", None), 404, "IDVP-60019")
        assert_error(admin.request("DELETE", path), 404, "IDVP-60019")


@pytest.mark.one_database
def test_every_call_requires_the_scope_of_providers(world: World, admin: Caller) -> None:
    viewer = world.connector.as_admin(world.tenant, ["internal_idv_claim_view"])
    nobody = world.connector.as_admin(world.tenant, ["internal_login"])
    [check] = listed(viewer, verificationId="verification-1")
    path = f"{DELIVERIES}/{check['id']}"

    assert viewer.get(path).status_code == 200
    for answer in (nobody.get(DELIVERIES), nobody.get(path), viewer.post(f"{path}/retry", None)):
        assert answer.status_code == 403
    assert viewer.request("DELETE", path).status_code == 403


@pytest.mark.one_database
@pytest.mark.parametrize("query", [{"state": "sent"}, {"limit": 0}, {"limit": 1001}])
def test_an_unreadable_filter_is_refused(admin: Caller, query: Any) -> None:
    assert_error(admin.get(DELIVERIES, params=query), 400, "IDVP-60004")


def test_deliveries_that_became_dead_since_a_time_are_counted_per_tenant(world: World) -> None:
    deliveries, now = world.connector.services.deliveries, datetime.now(UTC)
    world.connector.rest()
    with world.connector.services.database.write() as connection:
        for number, tenant in enumerate((world.tenant, world.tenant, "another")):
            outbox.add(connection, DeleteApplicant(tenant, "some-provider", f"applicant-{number}"))
        dead = {"state": "dead", "settled_at": now}
        connection.execute(update(outbox_table).where(outbox_table.c.state == "ready").values(dead))
    hour = timedelta(hours=1)
    assert deliveries.count_dead(Tenant(world.tenant), now - hour) == 2
    assert deliveries.count_dead(Tenant(world.tenant), now + hour) == 0
    stored = deliveries.page(Tenant(world.tenant), DeliveryFilter(("dead",)), limit=10).rows
    assert deliveries.preview_dead(Tenant(world.tenant), now - hour) == Preview(
        2, min(row.created_at for row in stored)
    )
    assert deliveries.preview_dead(Tenant(world.tenant), now + hour) == Preview(0, None)
    for period, number in ((DeliveryFilter(since=now - hour), 2), (DeliveryFilter(before=now - hour), 0)):
        assert len(deliveries.page(Tenant(world.tenant), period, limit=10).rows) == number
