"""A provider's credentials at Onfido: an API token, or OAuth 2 client credentials."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bodies import API_TOKEN, config_properties, provider_body
from tests.contract.account import checked
from tests.contract.wire import (
    MASK,
    PROVIDERS,
    answer_on,
    assert_error,
    assert_provider,
    further,
    new_provider,
    new_user,
)
from tests.harness import HTTP, Caller, World
from tests.values import GIVEN_NAME

SECRET = "client-secret-of-the-tests"
CLIENT = {"token": None, "client_id": "client", "client_secret": SECRET}


@pytest.fixture
def admin(onfido: World) -> Caller:
    return onfido.connector.as_admin()


def secrets_of(body: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: item["value"] for item in body["configProperties"] if item["isSecret"]}


def body_of(world: World, name: str, **properties: str | None) -> dict[str, Any]:
    return provider_body(world.simulator, name=name, configProperties=config_properties(world.simulator, **properties))


def change(world: World, provider_id: str, **properties: str | None) -> Any:
    admin = world.connector.as_admin()
    name = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["name"]
    return admin.put(f"{PROVIDERS}/{provider_id}", body_of(world, name, **properties))


def with_client(world: World, **properties: str | None) -> str:
    return new_provider(world, configProperties=config_properties(world.simulator, **CLIENT | properties))


def verifies(world: World, provider_id: str) -> bool:
    return new_user(world)[1].verify(provider_id, "INITIATED", [GIVEN_NAME]).status_code == 200


def test_a_user_is_verified_with_client_credentials(onfido: World, admin: Caller) -> None:
    _, me = new_user(onfido)
    provider_id = with_client(onfido)
    answered = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)
    assert_provider(answered)
    assert secrets_of(answered) == {"client_secret": MASK}
    assert {"key": "client_id", "value": "client", "isSecret": False} in answered["configProperties"]

    started = answer_on(me.verify(provider_id, "INITIATED", [GIVEN_NAME]), 200)
    onfido.outcome(started["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])
    completed = answer_on(me.verify(provider_id, "COMPLETED", [GIVEN_NAME]), 200)

    assert completed["claims"][0]["isVerified"]
    assert onfido.onfido_state()["requests"]["POST /oauth/token"] == 1


def test_an_access_token_that_onfido_refuses_is_renewed(onfido: World) -> None:
    provider_id = with_client(onfido)
    assert verifies(onfido, provider_id)

    onfido.faults(unauthorized=1, route="POST /workflow_runs")

    assert verifies(onfido, provider_id)
    counts = onfido.onfido_state()
    assert counts["requests"]["POST /oauth/token"] == 2
    assert counts["counts"]["runs"] == 2


def test_client_credentials_that_onfido_refuses_are_an_error(onfido: World) -> None:
    provider_id = with_client(onfido)
    onfido.faults(unauthorized=-1)
    _, me = new_user(onfido)

    description = assert_error(me.verify(provider_id, "INITIATED"), 400, "OIDV-10038", "client_id and client_secret")

    assert SECRET not in description
    assert answer_on(me.get("/api/users/v1/me/idv/claims"), 200) == []


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"token": API_TOKEN, "client_id": "client", "client_secret": SECRET}, "not both"),
        ({"token": API_TOKEN, "client_id": "client"}, "not both"),
        ({"token": API_TOKEN, "client_secret": SECRET}, "not both"),
        ({"token": None}, "configProperties.token"),
        ({"token": None, "client_id": "client"}, "configProperties.client_secret"),
        ({"token": None, "client_secret": SECRET}, "configProperties.client_id"),
        ({"token": None, "client_id": "client", "client_secret": MASK}, "configProperties.client_secret"),
        ({"token": None, "client_id": "clïent", "client_secret": SECRET}, "configProperties.client_id"),
        ({"token": None, "client_id": "client", "client_secret": "sécret"}, "configProperties.client_secret"),
    ],
)
@pytest.mark.one_database
def test_credentials_that_are_incomplete_or_of_both_kinds_are_refused(
    onfido: World, admin: Caller, properties: dict[str, str | None], named: str
) -> None:
    description = assert_error(
        admin.post(PROVIDERS, body_of(onfido, "Incomplete", **properties)), 400, "IDVP-60002", "must", named
    )

    assert SECRET not in description


def test_storing_one_kind_removes_the_other(onfido: World, admin: Caller) -> None:
    provider_id = new_provider(onfido)

    assert secrets_of(answer_on(change(onfido, provider_id, **CLIENT), 200)) == {"client_secret": MASK}
    assert verifies(onfido, provider_id)
    back = answer_on(change(onfido, provider_id), 200)

    assert secrets_of(back) == {"token": MASK}
    assert "client_id" not in {item["key"] for item in back["configProperties"]}
    assert verifies(onfido, provider_id)


@pytest.mark.parametrize("secret", [None, *further(MASK, "", " ")])
@pytest.mark.parametrize("client_id", [None, "client"])
def test_put_without_the_secret_keeps_the_client(
    onfido: World, admin: Caller, secret: str | None, client_id: str | None
) -> None:
    provider_id = with_client(onfido)

    put = answer_on(change(onfido, provider_id, token=None, client_id=client_id, client_secret=secret), 200)

    assert secrets_of(put) == {"client_secret": MASK}
    assert {"key": "client_id", "value": "client", "isSecret": False} in put["configProperties"]
    assert verifies(onfido, provider_id)


def test_credentials_returned_by_the_console_as_shown_are_kept(onfido: World, admin: Caller) -> None:
    provider_id = with_client(onfido)
    shown = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)

    assert answer_on(admin.put(f"{PROVIDERS}/{provider_id}", shown), 200) == shown
    assert verifies(onfido, provider_id)


def test_masked_token_with_new_client_credentials_is_ignored(onfido: World) -> None:
    provider_id = new_provider(onfido)

    put = answer_on(change(onfido, provider_id, **CLIENT | {"token": MASK}), 200)

    assert secrets_of(put) == {"client_secret": MASK}


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"token": API_TOKEN, "client_id": "client"}, "not both"),
        ({"token": None, "client_id": "another", "client_secret": MASK}, "configProperties.client_secret"),
        ({"token": None, "client_id": "another"}, "configProperties.client_secret"),
    ],
)
def test_a_client_secret_is_kept_only_for_its_client(
    onfido: World, properties: dict[str, str | None], named: str
) -> None:
    provider_id = with_client(onfido)

    assert_error(change(onfido, provider_id, **properties), 400, "IDVP-60002", named)
    assert verifies(onfido, provider_id)


def test_a_token_is_not_accepted_as_a_client_secret(onfido: World) -> None:
    provider_id = new_provider(onfido)

    assert_error(change(onfido, provider_id, token=None, client_id="client"), 400, "IDVP-60002", "client_secret")
    assert_error(change(onfido, provider_id, token=None, client_secret=SECRET), 400, "IDVP-60002", "client_id")
    assert verifies(onfido, provider_id)


def test_a_new_secret_of_the_same_client_is_used(onfido: World) -> None:
    provider_id = with_client(onfido)
    assert verifies(onfido, provider_id)

    answer_on(change(onfido, provider_id, token=None, client_secret="the-next-secret"), 200)

    assert verifies(onfido, provider_id)
    assert onfido.onfido_state()["requests"]["POST /oauth/token"] == 2


def test_the_connection_is_tested_with_the_client(onfido: World, admin: Caller) -> None:
    provider_id = with_client(onfido)
    passed, details = checked(admin, provider_id)
    assert (passed["region"], passed["token"], passed["workflow"]) == (True, True, True)
    assert details["token"] == "Onfido accepts the client credentials."

    onfido.faults(unauthorized=-1)
    passed, details = checked(admin, provider_id)
    assert (passed["region"], passed["token"]) == (True, False)
    assert "client credentials" in details["token"]


def test_an_unreachable_token_endpoint_leaves_the_user_free_to_start(onfido: World) -> None:
    provider_id = with_client(onfido)
    _, me = new_user(onfido)
    onfido.faults(failed=1, route="POST /oauth/token")

    assert_error(me.verify(provider_id, "INITIATED"), 503, "OIDV-10046")

    assert me.verify(provider_id, "INITIATED").status_code == 200
    assert onfido.onfido_state()["counts"]["runs"] == 1


def test_no_answer_contains_a_secret(onfido: World, admin: Caller) -> None:
    provider_id = with_client(onfido)
    for text in (admin.get(PROVIDERS, params={"limit": 1000}).text, admin.get(f"{PROVIDERS}/{provider_id}").text):
        assert SECRET not in text
    assert SECRET not in HTTP.get(f"{onfido.simulator.url}/simulator/state", timeout=60).text
