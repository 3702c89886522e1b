"""A directory that hides attributes answers like one from which they were removed: a pass counts them."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from connector.services.upkeep import Sweep
from tests.contract.wire import USERS, entry
from tests.directory.deployment import Deployment, add_ann, verify
from tests.directory.faulty import Reply
from tests.directory.test_checks import ALL, changed, claims_of, sweep
from tests.harness import World
from tests.identity.scim_server import CUSTOM
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME

DAY = 86_400
HIDDEN: tuple[dict[str, Any], ...] = (
    {f"{CUSTOM}:dateOfBirth": ""},  # one attribute
    {f"{CUSTOM}:dateOfBirth": "", "name": {"givenName": "", "familyName": ""}},  # all that is mapped
)


@pytest.mark.parametrize("hidden", HIDDEN, ids=["one attribute", "all attributes"])
def test_a_pass_that_misses_values_of_many_users_changes_nothing(
    deployment: Deployment, hidden: dict[str, Any]
) -> None:
    world = deployment.world("scim")
    users = [add_ann(deployment.scim, f"user-{at}") for at in range(3)]
    for user_id in users:
        verify(world, user_id)
        deployment.scim.change(user_id, **hidden)
    with capture_logs() as logs:
        sweep(deployment)
    assert [claims_of(world, user_id) for user_id in users] == [ALL] * 3
    [line] = [each for each in logs if each["event"] == "directory.too_many_gone"]
    assert (line["gone"], line["checked"]) == (3, 3)
    for user_id in users:  # as they were
        deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1990-01-01"})
        deployment.scim.change(user_id, name={"givenName": "Ann", "familyName": "Example"})
    sweep(deployment)
    assert [claims_of(world, user_id) for user_id in users] == [ALL] * 3


@pytest.mark.parametrize("tenant", ["scim", "keeping"])
def test_a_value_missing_for_few_users_is_withdrawn(deployment: Deployment, tenant: str) -> None:
    world = deployment.world(tenant)
    users = [add_ann(deployment.scim, f"user-{at}") for at in range(20)]
    admin = world.connector.as_admin(world.tenant)
    for user_id in users:
        answer = admin.post(f"{USERS}/{user_id}/idv/claims", [entry(world.provider_id, BIRTH_DATE)])
        assert answer.status_code == 201, answer.text
    deployment.scim.change(users[7], **{f"{CUSTOM}:dateOfBirth": ""})
    sweep(deployment)
    assert [claims_of(world, users[at]) for at in (6, 7, 8)] == [{BIRTH_DATE}, set(), {BIRTH_DATE}]


def test_a_different_value_does_not_count_as_missing(deployment: Deployment) -> None:
    world = deployment.world("scim")
    users = [add_ann(deployment.scim, f"user-{at}") for at in range(3)]
    for user_id in users:
        verify(world, user_id)
        deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})
    sweep(deployment)
    assert [claims_of(world, user_id) for user_id in users] == [{GIVEN_NAME, LAST_NAME}] * 3


def test_a_changed_value_of_one_user_is_applied(deployment: Deployment) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": ""})
    sweep(deployment)
    assert claims_of(world, user_id) == ALL, "one of one is more than 5 %"
    assert changed(world, user_id) == 204
    assert claims_of(world, user_id) == {GIVEN_NAME, LAST_NAME}


def test_attributes_hidden_by_keycloak_unverify_no_user(deployment: Deployment) -> None:
    world, faulty = deployment.world("keycloak"), deployment.faulty
    ann = {"id": "k1", "username": "ann", "firstName": "Ann", "lastName": "Example"}
    faulty.replies = [Reply(200, ann | {"attributes": {"birthdate": ["1990-01-01"]}})]
    verify(world, "k1")
    answers: tuple[dict[str, Any], ...] = (ann, {**ann, "attributes": {}}, {"id": "k1", "username": "ann"})
    for hidden in answers:
        faulty.replies = [Reply(200, hidden)]
        with capture_logs() as logs:
            pass_over(deployment, world)
        assert [each["gone"] for each in logs if each["event"] == "directory.too_many_gone"] == [1]
    faulty.replies = [Reply(200, ann | {"attributes": {"birthdate": ["1990-01-01"]}})]
    assert claims_of(world, "k1") == ALL


def pass_over(deployment: Deployment, world: World) -> None:
    """Compare the users with the directory, as once a day."""
    deployment.clock.advance(DAY + 1)
    services = deployment.connector.services
    services.upkeep.sweep(Sweep())
    kinds = ("check_users", "check_user")
    world.wait_until(lambda: not [row for row in services.outbox.page(("ready",), 100) if row.kind in kinds])
