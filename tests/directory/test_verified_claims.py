"""Verified claims of users in a remote directory: a value that has just changed there is not asserted."""

from __future__ import annotations

from typing import Any

from tests.directory.deployment import Deployment, add_ann, verify
from tests.directory.faulty import Reply
from tests.harness import Caller
from tests.identity.schemas import assert_ida
from tests.identity.scim_server import CUSTOM

OWN, OF_USER = "/api/users/v1/me/idv/verified-claims", "/api/users/v1/{}/idv/verified-claims"
SCOPE = "internal_idv_verified_claims_view"
PERSON: dict[str, Any] = {"given_name": "Ann", "family_name": "Example", "birthdate": "1990-01-01"}


def names(caller: Caller, path: str) -> set[str]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert_ida(body)
    return set(body.get("verified_claims", {}).get("claims", {}))


def test_an_unannounced_change_in_the_directory_is_not_asserted(
    deployment: Deployment,
) -> None:
    world = deployment.world("scim")
    user_id = add_ann(deployment.scim)
    verify(world, user_id)
    ann = world.connector.as_user(user_id, world.tenant)
    back_end = world.connector.caller("shop", [SCOPE], world.tenant)
    assert names(ann, OWN) == set(PERSON)

    deployment.scim.change(user_id, **{f"{CUSTOM}:dateOfBirth": "1991-01-01"})

    assert names(back_end, OF_USER.format(user_id)) == {"given_name", "family_name"}
    assert names(ann, OWN) == {"given_name", "family_name"}


def test_only_the_user_can_request_claims_from_userinfo(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    faulty.replies = [Reply(200, {"sub": "eve", **PERSON})]
    verify(world, "eve")
    eve = world.connector.as_user("eve", world.tenant)
    assert names(eve, OWN) == set(PERSON)
    answer = world.connector.caller("shop", [SCOPE], world.tenant).get(OF_USER.format("eve"))
    assert (answer.status_code, answer.json()["code"]) == (400, "OIDV-10050")


def test_no_claim_is_asserted_without_the_directory(deployment: Deployment) -> None:
    world, faulty = deployment.world("userinfo"), deployment.faulty
    faulty.replies = [Reply(503, {})]
    answer = world.connector.as_user("flo", world.tenant).get(OWN)
    assert (answer.status_code, answer.json()["code"]) == (503, "OIDV-10051")
