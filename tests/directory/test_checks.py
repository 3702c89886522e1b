"""Users compared with their directory: on a schedule, and at once; what is done about those who are gone."""

from __future__ import annotations

from connector.domain.history import AuditFilter
from connector.domain.tenancy import Tenant
from connector.services.people.directory_checks import CheckUser
from connector.services.upkeep import Sweep
from connector.store import directory_checks
from tests.contract.wire import USERS
from tests.directory.deployment import INTERVAL, Deployment, add_ann, approve, verify
from tests.harness import World, verified
from tests.identity.scim_server import CUSTOM
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

ALL = set(MAPPING)


def sweep(deployment: Deployment) -> None:
    """Look for what is due, after an interval, and wait until it is done."""
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


def test_a_pass_finds_changed_values_and_no_others(deployment: Deployment) -> None:
    world = deployment.world("scim")
    ann, bob = add_ann(deployment.scim, "ann"), add_ann(deployment.scim, "bob")
    for user_id in (ann, bob):
        verify(world, user_id)
    deployment.scim.change(ann, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    sweep(deployment)
    assert claims_of(world, ann) == {GIVEN_NAME, LAST_NAME}
    assert claims_of(world, bob) == ALL


def test_a_pass_is_made_once_an_interval(deployment: Deployment) -> None:
    world = deployment.world("scim")
    verify(world, add_ann(deployment.scim))
    sweep(deployment)
    deployment.scim.requests.clear()
    world.connector.services.upkeep.sweep(Sweep())
    assert not [line for line in deployment.scim.requests if line.startswith("GET")]
    sweep(deployment)
    assert [line for line in deployment.scim.requests if line.startswith("GET")]


def test_a_pass_that_finds_too_many_gone_changes_nothing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    users = [add_ann(deployment.scim, f"user-{at}") for at in range(3)]
    for user_id in users:
        verify(world, user_id)
    deployment.scim.remove(users[0])
    sweep(deployment)
    assert [claims_of(world, user_id) for user_id in users] == [ALL] * 3


def test_a_pass_does_what_the_setting_says_about_a_few_who_are_gone(deployment: Deployment) -> None:
    for tenant, left in (("scim", set()), ("keeping", ALL)):
        world = deployment.world(tenant)
        users = [add_ann(deployment.scim, f"{tenant}-{at}") for at in range(20)]
        for user_id in users:
            verify(world, user_id)
        deployment.scim.remove(users[7])
        sweep(deployment)
        assert claims_of(world, users[7]) == left
        assert [claims_of(world, user_id) for user_id in users if user_id != users[7]] == [ALL] * 19
        for user_id in users:
            if user_id != users[7]:
                deployment.scim.remove(user_id)
        deployment.begin_anew()


def test_who_is_back_by_the_end_of_the_pass_stays_verified(deployment: Deployment) -> None:
    """A user who was not found is read once more before anything is done."""
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    deployment.connector.services.directory_checks.check_user(CheckUser("scim", user_id))
    assert claims_of(world, user_id) == ALL


def test_who_is_unknown_by_the_end_of_the_pass_is_left_alone(deployment: Deployment) -> None:
    deployment.connector.services.directory_checks.check_user(CheckUser("removing", "removed-meanwhile"))


def test_a_page_that_was_recorded_is_not_counted_twice(deployment: Deployment) -> None:
    services, now = deployment.connector.services, deployment.clock()
    with services.database.write() as connection:
        assert directory_checks.begin(connection, "acme", "one", now, now)
        assert not directory_checks.begin(connection, "acme", "two", now, now.replace(year=2000))
        first = directory_checks.find(connection, "acme", "one")
        assert first is not None
        assert directory_checks.advance(connection, "acme", first, "ann", 1, 0)
        assert not directory_checks.advance(connection, "acme", first, "ann", 1, 0)
        assert directory_checks.end(connection, "acme", "one", now)
        assert not directory_checks.end(connection, "acme", "one", now)
        assert directory_checks.find(connection, "acme", "one") is None


def test_an_outage_in_the_middle_of_a_pass_is_made_up_for(deployment: Deployment) -> None:
    world = deployment.world("scim")
    ann, bob = sorted((add_ann(deployment.scim, "ann"), add_ann(deployment.scim, "bob")))
    for user_id in (ann, bob):
        verify(world, user_id)
    deployment.scim.change(bob, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    deployment.scim.fault = (f"GET /v2/Users/{bob}", "503 Service Unavailable")
    deployment.clock.advance(INTERVAL + 1)
    world.connector.services.upkeep.sweep(Sweep())
    world.wait_until(lambda: any(row.history for row in world.connector.services.outbox.page(("ready",), 100)))
    assert claims_of(world, bob) == ALL
    deployment.scim.fault = None
    world.wait_until(lambda: claims_of(world, bob) == {GIVEN_NAME, LAST_NAME})


def test_attributes_changed_finds_a_user_who_is_gone(deployment: Deployment) -> None:
    for tenant, left in (("scim", set()), ("keeping", ALL)):
        world = deployment.world(tenant)
        user_id = add_ann(deployment.scim)
        verify(world, user_id)
        deployment.scim.remove(user_id)
        assert changed(world, user_id) == 204
        assert claims_of(world, user_id) == left
        assert changed(world, user_id) == 204


def test_a_user_who_is_gone_is_removed_with_the_applicant_where_the_setting_says_so(deployment: Deployment) -> None:
    world = deployment.world("removing")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    deployment.scim.remove(user_id)
    assert changed(world, user_id) == 204
    assert world.verifications(user_id) == []
    entries = world.connector.services.audit.page(Tenant("removing"), AuditFilter(user_id=user_id), limit=1).rows
    assert [(each.change.current, each.change.actor) for each in entries] == [("removed", "directory")]
    assert changed(world, user_id) == 404


def test_a_run_of_a_user_who_is_gone_verifies_nothing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    run_id = world.start(world.connector.as_user(user_id, world.tenant))
    deployment.scim.remove(user_id)
    assert changed(world, user_id) == 204
    approve(world, run_id)
    assert claims_of(world, user_id) == set()


def test_a_user_of_the_embedded_directory_needs_no_comparison(deployment: Deployment) -> None:
    world = World(deployment.connector, deployment.simulator, deployment.clock, tenant="embedded")
    world.add_user("ann", {BIRTH_DATE: "1990-01-01"})
    assert changed(world, "ann") == 204
    assert changed(world, "nobody") == 404


def test_attributes_changed_needs_its_scope(deployment: Deployment) -> None:
    caller = deployment.connector.as_admin("scim", ["internal_idv_claim_view"])
    assert caller.post(f"{USERS}/ann/idv/attributes-changed", None).status_code == 403
