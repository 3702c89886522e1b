"""Users compared with their directory, on a schedule and on request, and the handling of missing ones."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from connector.domain.audit.history import AuditFilter
from connector.domain.tenancy import Tenant
from connector.errors import DirectoryError, RequestError
from connector.services.people.directory_checks import CheckUser, CheckUsers
from connector.services.upkeep import Sweep
from connector.store.people import directory_checks, user_marks
from tests.contract.wire import USERS, entry
from tests.directory.deployment import INTERVAL, Deployment, add_ann, approve, verify
from tests.directory.faulty import Reply
from tests.harness import World, verified
from tests.identity.scim_server import CUSTOM
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

ALL = set(MAPPING)


def sweep(deployment: Deployment) -> None:
    """Sweep after an interval, and wait until the due deliveries are done."""
    deployment.clock.advance(INTERVAL + 1)
    services = deployment.connector.services
    services.upkeep.sweep(Sweep())
    world = deployment.world("scim")
    kinds = ("check_users", "check_user")
    world.wait_until(lambda: not [row for row in services.outbox.page(("ready",), 100) if row.kind in kinds])


def claims_of(world: World, user_id: str) -> set[str]:
    return verified(world.connector.as_admin(world.tenant).claims(user_id))


def changed(world: World, user_id: str) -> int:
    answer = world.connector.as_admin(world.tenant).post(f"{USERS}/{user_id}/idv/attributes-changed", None)
    return answer.status_code


def test_a_pass_records_exactly_the_changed_values(deployment: Deployment) -> None:
    world = deployment.world("scim")
    ann, bob = add_ann(deployment.scim, "ann"), add_ann(deployment.scim, "bob")
    for user_id in (ann, bob):
        verify(world, user_id)
    deployment.scim.change(ann, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    sweep(deployment)
    assert claims_of(world, ann) == {GIVEN_NAME, LAST_NAME}
    assert claims_of(world, bob) == ALL


def test_a_pass_completes_although_a_delivery_has_time_for_one_user_only(deployment: Deployment) -> None:
    world = deployment.world("keeping")  # one answer may take longer than a delivery
    people = [add_ann(deployment.scim, name) for name in ("ann", "bob", "cid")]
    for user_id in people:
        verify(world, user_id)
        deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    sweep(deployment)
    assert [claims_of(world, user_id) for user_id in people] == [{GIVEN_NAME, LAST_NAME}] * 3


def test_a_pass_is_made_once_per_interval(deployment: Deployment) -> None:
    world = deployment.world("scim")
    verify(world, add_ann(deployment.scim))
    sweep(deployment)
    deployment.scim.requests.clear()
    world.connector.services.upkeep.sweep(Sweep())
    assert not [line for line in deployment.scim.requests if line.startswith("GET")]
    sweep(deployment)
    assert [line for line in deployment.scim.requests if line.startswith("GET")]


def test_a_pass_with_too_many_missing_users_changes_nothing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    users = [add_ann(deployment.scim, f"user-{at}") for at in range(3)]
    for user_id in users:
        verify(world, user_id)
    deployment.scim.remove(users[0])
    sweep(deployment)
    assert [claims_of(world, user_id) for user_id in users] == [ALL] * 3


def test_a_pass_treats_missing_users_as_configured(deployment: Deployment) -> None:
    for tenant, left in (("scim", set()), ("keeping", {BIRTH_DATE})):
        world = deployment.world(tenant)
        users = [add_ann(deployment.scim, f"{tenant}-{at}") for at in range(20)]
        admin = world.connector.as_admin(world.tenant)
        for user_id in users:
            answer = admin.post(f"{USERS}/{user_id}/idv/claims", [entry(world.provider_id, BIRTH_DATE)])
            assert answer.status_code == 201, answer.text
        deployment.scim.remove(users[7])
        sweep(deployment)
        assert [claims_of(world, users[at]) for at in (6, 7, 8)] == [{BIRTH_DATE}, left, {BIRTH_DATE}]
        deployment.scim.empty()
        deployment.begin_anew()


def test_a_user_found_again_at_the_end_of_a_pass_stays_verified(deployment: Deployment) -> None:
    """A missing user is read once more before any consequence."""
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    deployment.connector.services.directory_checks.check_user(CheckUser("scim", user_id))
    assert claims_of(world, user_id) == ALL


def test_a_user_removed_before_the_end_of_a_pass_is_skipped(deployment: Deployment) -> None:
    deployment.connector.services.directory_checks.check_user(CheckUser("removing", "removed-meanwhile"))


def test_a_reading_that_is_older_than_the_last_recorded_one_changes_nothing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    with deployment.connector.services.database.write() as connection:
        assert user_marks.set_read(connection, "scim", user_id, "later", deployment.clock() + timedelta(hours=1))
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    assert changed(world, user_id) == 204
    assert claims_of(world, user_id) == ALL
    deployment.scim.remove(user_id)
    assert changed(world, user_id) == 204
    assert claims_of(world, user_id) == ALL
    deployment.clock.advance(3601)
    assert changed(world, user_id) == 204
    assert claims_of(world, user_id) == set()


def test_the_check_of_a_user_is_retried_after_an_outage_of_the_directory(deployment: Deployment) -> None:
    deployment.scim.fault = ("GET", "503 Service Unavailable")
    with pytest.raises(DirectoryError):
        deployment.connector.services.directory_checks.check_user(CheckUser("scim", "ann"))


def test_a_page_delivered_twice_is_recorded_once(deployment: Deployment) -> None:
    """While one worker waits for the directory, another looks at the same page."""
    world, services, faulty = deployment.world("away"), deployment.connector.services, deployment.faulty
    faulty.replies = [Reply(200, {"id": "1", "name": {"givenName": "Ann"}})]
    admin, checks = world.connector.as_admin(world.tenant), services.directory_checks
    assert admin.post(f"{USERS}/1/idv/claims", [entry(world.provider_id)]).status_code == 201
    deployment.connector.rest()
    now, page = deployment.clock(), CheckUsers("away", "pass")
    with services.database.write() as connection:
        assert directory_checks.begin(connection, "away", "pass", now, now)
    faulty.meanwhile = lambda: checks.check_page(page)
    checks.check_page(page)
    assert check_users(deployment) == [CheckUsers("away", "pass", "1")]
    checks.check_page(page)  # it is recorded
    assert check_users(deployment) == [CheckUsers("away", "pass", "1")]
    checks.check_page(CheckUsers("away", "pass", "1"))
    with services.database.read() as connection:
        assert directory_checks.find(connection, "away", "pass") is None


@pytest.mark.parametrize(
    "reply", [Reply(200, {"id": "2"}), Reply(200, b"<html>"), Reply(400, {}), Reply(200, b" " * 2_000_000)]
)
def test_a_wrong_answer_about_one_user_delays_no_other_user(deployment: Deployment, reply: Reply) -> None:
    world, services, faulty = deployment.world("away"), deployment.connector.services, deployment.faulty
    admin = world.connector.as_admin(world.tenant)
    for user_id in ("1", "2"):
        faulty.replies = [Reply(200, {"id": user_id, "name": {"givenName": "Ann"}})]
        assert admin.post(f"{USERS}/{user_id}/idv/claims", [entry(world.provider_id)]).status_code == 201
    deployment.connector.rest()
    now = deployment.clock()
    with services.database.write() as connection:
        assert directory_checks.begin(connection, "away", "pass", now, now)
    second = Reply(200, {"id": "2", "name": {"givenName": "Anne"}})
    faulty.replies = [*[reply] * (2 if reply.status == 400 else 1), second]
    services.directory_checks.check_page(CheckUsers("away", "pass"))
    assert claims_of(world, "1") == {GIVEN_NAME}
    assert claims_of(world, "2") == set()
    assert check_users(deployment) == [CheckUsers("away", "pass", "2")]


def check_users(deployment: Deployment) -> list[CheckUsers]:
    """Return the pages that are queued, in their order."""
    rows = deployment.connector.services.outbox.page(("ready",), 100)
    pages = [CheckUsers(**row.payload) for row in rows if row.kind == "check_users"]
    return sorted(pages, key=lambda page: page.position)


def test_a_recorded_page_is_not_counted_twice(deployment: Deployment) -> None:
    services, now = deployment.connector.services, deployment.clock()
    with services.database.write() as connection:
        assert directory_checks.begin(connection, "acme", "one", now, now)
        assert not directory_checks.begin(connection, "acme", "two", now, now.replace(year=2000))
        first = directory_checks.find(connection, "acme", "one")
        assert first is not None
        assert directory_checks.advance(connection, "acme", first, "ann", now, checked=1, gone=0)
        assert not directory_checks.advance(connection, "acme", first, "ann", now, checked=1, gone=0)
        later = now + timedelta(hours=1)
        assert not directory_checks.begin(connection, "acme", "two", later, later), "the other pass continues"
        assert directory_checks.begin(connection, "acme", "two", now + timedelta(hours=3), now), "it is stuck"
        assert directory_checks.begin(connection, "acme", "one", now + timedelta(hours=6), now + timedelta(hours=3))
        assert directory_checks.end(connection, "acme", "one", now)
        assert not directory_checks.end(connection, "acme", "one", now)
        assert directory_checks.find(connection, "acme", "one") is None


def test_a_pass_continues_after_an_outage(deployment: Deployment) -> None:
    world = deployment.world("scim")
    ann, bob = sorted((add_ann(deployment.scim, "ann"), add_ann(deployment.scim, "bob")))
    for user_id in (ann, bob):
        verify(world, user_id)
    deployment.scim.change(bob, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    deployment.scim.fault = (f"GET /v2/Users/{bob}", "503 Service Unavailable")
    deployment.clock.advance(INTERVAL + 1)
    world.connector.services.upkeep.sweep(Sweep())
    outbox = world.connector.services.outbox
    world.wait_until(lambda: any(row.history for row in outbox.page(("ready",), 100)))
    assert claims_of(world, bob) == ALL
    deployment.scim.fault = None
    for row in outbox.page(("ready",), 100):
        with suppress(RequestError):  # it was delivered meanwhile
            world.connector.services.deliveries.retry(None, row.delivery_id)  # sooner than by itself
    world.wait_until(lambda: claims_of(world, bob) == {GIVEN_NAME, LAST_NAME})


def test_attributes_changed_detects_a_missing_user(deployment: Deployment) -> None:
    for tenant, left in (("scim", set()), ("keeping", ALL)):
        world = deployment.world(tenant)
        user_id = add_ann(deployment.scim)
        verify(world, user_id)
        deployment.scim.remove(user_id)
        assert changed(world, user_id) == 204
        assert claims_of(world, user_id) == left
        assert changed(world, user_id) == 204


def test_a_missing_user_is_removed_with_the_applicant_if_configured(deployment: Deployment) -> None:
    world = deployment.world("removing")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    deployment.scim.remove(user_id)
    assert changed(world, user_id) == 204
    assert world.verifications(user_id) == []
    entries = world.connector.services.audit.page(Tenant("removing"), AuditFilter(user_id=user_id), limit=1).rows
    assert [(each.change.current, each.change.actor) for each in entries] == [("removed", "directory")]
    assert changed(world, user_id) == 404


def test_a_run_of_a_missing_user_verifies_nothing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    deployment.scim.remove(user_id)
    assert changed(world, user_id) == 204
    approve(world, run_id)
    assert claims_of(world, user_id) == set()


def test_a_user_of_the_embedded_directory_is_not_compared(deployment: Deployment) -> None:
    world = World(deployment.connector, deployment.simulator, deployment.clock, tenant="embedded")
    world.add_user("ann", {BIRTH_DATE: "1990-01-01"})
    assert changed(world, "ann") == 204
    assert changed(world, "nobody") == 404


def test_attributes_changed_needs_its_scope(deployment: Deployment) -> None:
    caller = deployment.connector.as_admin("scim", ["internal_idv_claim_view"])
    assert caller.post(f"{USERS}/ann/idv/attributes-changed", None).status_code == 403
