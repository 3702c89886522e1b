"""The list of users: found by the beginning of their ids, with their verification state."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.contract.wire import USERS, answer_on, assert_error
from tests.harness import Caller, World
from tests.values import GIVEN_NAME, MAPPING

OTHERS = "elsewhere.example"
LIST = f"{USERS}/idv"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


def listed(caller: Caller, **query: Any) -> list[Any]:
    users: list[Any] = answer_on(caller.get(LIST, params=query), 200)["users"]
    return users


def test_a_user_is_listed_with_the_verified_claims(world: World, admin: Caller) -> None:
    ann = world.add_user("ann")
    world.add_user("bea")
    run_id = world.start(ann)
    world.outcome(run_id)
    world.wait_until(lambda: ann.claims()[GIVEN_NAME]["isVerified"])
    [first, second] = listed(admin)

    assert (first["userId"], first["verified"], first["verifiable"]) == ("ann", len(MAPPING), len(MAPPING))
    last = first["lastVerification"]
    assert (last["runId"], last["status"], last["providerId"]) == (run_id, "approved", world.provider_id)
    assert second == {
        "userId": "bea",
        "verified": 0,
        "verifiable": len(MAPPING),
        "lastVerification": None,
        "nextAttemptAt": None,
    }


def test_the_latest_verification_is_shown(world: World, admin: Caller) -> None:
    ann = world.add_user("ann")
    for status in ("declined", "abandoned"):
        world.outcome(world.start(ann), status=status)
        world.wait_until(lambda status=status: world.verifications("ann")[0].status == status)  # type: ignore[misc]
        world.clock.advance(1)
    assert [each["lastVerification"]["status"] for each in listed(admin)] == ["abandoned"]


def test_a_user_at_the_limit_may_start_again_later_or_once_unlocked(world: World, admin: Caller) -> None:
    ann = world.add_user("ann")
    provider = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id)
    for _ in range(provider.max_attempts):
        world.outcome(world.start(ann), status="declined")
        world.wait_until(lambda: world.verifications("ann")[0].status == "declined")
    [user] = listed(admin)
    [status] = answer_on(admin.get(f"{USERS}/ann/idv"), 200)["providers"]
    assert user["nextAttemptAt"] == status["nextAttemptAt"] is not None

    answer_on(admin.post(f"{USERS}/ann/idv/unlock", {"reason": "wrong document chosen"}), 200)
    assert [each["nextAttemptAt"] for each in listed(admin)] == [None]
    [entry] = answer_on(admin.get("/api/server/v1/audit", params={"userId": "ann", "subject": "user"}), 200)["entries"][
        :1
    ]
    assert (entry["to"], entry["detail"]["reason"]) == ("unlocked", "wrong document chosen")


def test_a_reason_is_optional_but_validated(world: World, admin: Caller) -> None:
    world.add_user("ann")
    path = f"{USERS}/ann/idv/unlock"
    assert admin.request("POST", path).status_code == 200
    assert admin.post(path, {}).status_code == 200
    assert_error(admin.post(path, {"reason": 7}), 400, "IDV-10005", "reason")
    assert_error(admin.post(path, {"reason": "x" * 1001}), 400, "IDV-10005", "reason")
    assert_error(admin.request("POST", path, data=b"{"), 400, "IDV-10005", "JSON")


def test_users_are_found_by_the_beginning_of_their_id(world: World, admin: Caller) -> None:
    for user_id in ("ann", "anna", "Ann", "bann", "a_n", "a%n", "an", "zo\u00eb", "SECONDARY/ann"):
        world.add_user(user_id)
    assert [each["userId"] for each in listed(admin, prefix="ann")] == ["ann", "anna"]
    assert [each["userId"] for each in listed(admin, prefix="a_")] == ["a_n"]
    assert [each["userId"] for each in listed(admin, prefix="SECONDARY/")] == ["SECONDARY/ann"]
    assert [each["userId"] for each in listed(admin, prefix="zo\u00eb")] == ["zo\u00eb"]
    assert listed(admin, prefix="nobody") == []


def test_pages_follow_each_other(world: World, admin: Caller) -> None:
    for number in range(5):
        world.add_user(f"ann-{number}")
    world.add_user("bea")
    first = answer_on(admin.get(LIST, params={"limit": 3, "prefix": "ann"}), 200)
    second = answer_on(admin.get(LIST, params={"limit": 3, "prefix": "ann", "cursor": first["nextCursor"]}), 200)
    users = [each["userId"] for each in (*first["users"], *second["users"])]
    assert users == [f"ann-{number}" for number in range(5)]
    assert (first["count"], second["nextCursor"]) == (3, None)


def test_another_tenant_sees_no_users(world: World) -> None:
    world.start(world.add_user("ann"))
    others = world.connector.as_admin(OTHERS)
    assert listed(others) == listed(others, prefix="ann") == []
    world.connector.services.users.add(Tenant(OTHERS), "ann", {})
    [theirs] = listed(others)
    assert (theirs["verifiable"], theirs["lastVerification"]) == (0, None)


def test_the_total_is_counted_on_request_for_the_filter_and_the_tenant(world: World, admin: Caller) -> None:
    for user_id in ("ann", "anna", "bea"):
        world.add_user(user_id)
    world.connector.services.users.add(Tenant(OTHERS), "anton", {})

    def total(caller: Caller, **query: Any) -> Any:
        return answer_on(caller.get(LIST, params={"limit": 1, **query}), 200).get("totalResults")

    assert total(admin) is None
    assert (total(admin, total="true"), total(admin, total="true", prefix="ann")) == (3, 2)
    assert (total(admin, total="true", prefix="z"), total(admin, total="false")) == (0, None)
    assert total(world.connector.as_admin(OTHERS), total="true", prefix="an") == 1
    assert_error(admin.get(LIST, params={"total": "yes"}), 400, "IDV-10005", "total")
