"""A removed user's data at Onfido: applicants, passkeys and biometric tokens."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from connector.domain.tenancy import Tenant
from connector.services.providers.deletion import DeleteCustomer
from tests.bodies import config_properties, provider_body
from tests.harness import HTTP, Caller, World
from tests.services.ageing import let_pass
from tests.services.environments import LIVE, PROVIDERS, SANDBOX, use, verify
from tests.services.receiving import rows_of, wait_for, wait_for_failure


@pytest.fixture
def ann(world: World) -> Caller:
    use(world, SANDBOX)
    return world.add_user()


def remove(world: World, user_id: str) -> None:
    world.connector.services.users.remove(Tenant(world.tenant), user_id)


def test_an_applicant_of_an_environment_without_credentials_is_left_to_the_operator(world: World, ann: Caller) -> None:
    verify(world, ann)
    use(world, LIVE)
    verify(world, ann)

    remove(world, "ann")

    world.wait_until(lambda: len(rows_of(world, "delete_applicant", ("dead",))) == 1)
    [dead] = rows_of(world, "delete_applicant", ("dead",))
    assert "delete it in Onfido's dashboard" in str(dead.history)


def keep(world: World, customer: str) -> None:
    url = f"{world.simulator.url}/simulator/customers/{quote(customer, safe='')}"
    assert HTTP.post(url, json={"passkeys": 2, "biometric_tokens": 1}, timeout=60).ok


def kept(world: World, customer: str) -> int:
    """Return how many passkeys and biometric tokens Onfido keeps of a customer."""
    owner, headers = quote(customer, safe=""), {"Authorization": f"Token token={SANDBOX}"}
    lists = (
        HTTP.get(f"{world.simulator.api_url}/{kind}/{owner}", headers=headers, timeout=60).json()[kind]
        for kind in ("passkeys", "biometric_tokens")
    )
    return sum(map(len, lists))


def send_user_ids(world: World, *, sends: bool) -> None:
    body = provider_body(world.simulator, configProperties=config_properties(world.simulator))
    answer = world.connector.as_admin().put(
        f"{PROVIDERS}/{world.provider_id}", body | {"studio": {"sendUserId": sends}}
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("user_id", ["ann", "ann@example.com", "50% ann"])
def test_a_removed_user_leaves_no_passkey_and_no_biometric_token(world: World, user_id: str) -> None:
    send_user_ids(world, sends=True)
    world.start(world.add_user(user_id))
    keep(world, user_id)
    keep(world, "another")
    send_user_ids(world, sends=False)  # data that was sent once has to be deleted nevertheless

    remove(world, user_id)

    world.wait_until(lambda: kept(world, user_id) == 0)
    assert kept(world, "another") == 3


def test_a_removed_user_unknown_to_onfido_by_id_is_not_looked_up(world: World, ann: Caller) -> None:
    world.start(ann)
    keep(world, "ann")

    remove(world, "ann")

    world.wait_until(lambda: rows_of(world, "delete_applicant", ("done",)) != [])
    assert rows_of(world, "delete_customer") == []
    assert kept(world, "ann") == 3


def test_passkeys_are_deleted_after_an_outage_of_onfido(world: World) -> None:
    send_user_ids(world, sends=True)
    world.start(world.add_user())
    keep(world, "ann")
    world.faults(route="DELETE /passkeys/{username}", failed=1)

    remove(world, "ann")
    wait_for_failure(world, DeleteCustomer.kind)
    let_pass(world.connector.services.database, timedelta(minutes=1))

    world.wait_until(lambda: kept(world, "ann") == 0)


def test_the_passkeys_of_a_removed_provider_are_left_to_the_operator(world: World) -> None:
    send_user_ids(world, sends=True)
    world.start(world.add_user())
    keep(world, "ann")
    world.faults(route="DELETE /passkeys/{username}", failed=-1)
    remove(world, "ann")
    wait_for_failure(world, DeleteCustomer.kind)

    assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    let_pass(world.connector.services.database, timedelta(minutes=1))

    dead = wait_for(world, DeleteCustomer.kind, "dead")
    assert "delete the user's passkeys and biometric tokens at Onfido" in dead.history[-1]["reason"]
    assert kept(world, "ann") == 3
