"""Credentials of another client or account: their effect on runs and claims of the former one."""

from __future__ import annotations

import pytest

from connector.domain.tenancy import Tenant
from connector.services.results.deliveries import CheckVerification
from tests.harness import HTTP, Caller, World, verified
from tests.services.environments import (
    LIVE,
    LIVE_CLIENT,
    PROVIDERS,
    SANDBOX,
    SANDBOX_CLIENT,
    code_of,
    statuses,
    use,
    verify,
)
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING


@pytest.fixture
def ann(world: World) -> Caller:
    use(world, SANDBOX)
    return world.add_user()


# OAuth 2 clients: only their applicants show the environment


def test_the_environment_of_a_client_is_known_after_its_first_applicant(world: World, ann: Caller) -> None:
    use(world, **SANDBOX_CLIENT)
    provider = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id)
    assert provider.environment is None

    verify(world, ann)

    assert world.connector.services.providers.get(Tenant(world.tenant), world.provider_id).environment == "sandbox"
    assert verified(ann.claims()) == set(MAPPING)


def test_only_a_change_of_client_withdraws_claims_verified_in_the_sandbox(world: World, ann: Caller) -> None:
    use(world, **SANDBOX_CLIENT)
    verify(world, ann)
    use(world, **SANDBOX_CLIENT | {"client_secret": "the-next-secret"})
    assert verified(ann.claims()) == set(MAPPING)

    use(world, **LIVE_CLIENT)

    assert verified(ann.claims()) == set()
    verify(world, ann)
    assert verified(ann.claims()) == set(MAPPING)
    assert world.verifications()[0].environment == "live"


def test_the_connection_test_finds_the_environment_of_a_client(world: World, ann: Caller) -> None:
    use(world, **SANDBOX_CLIENT)
    path = f"{PROVIDERS}/{world.provider_id}/test-connection"
    admin = world.connector.as_admin()
    assert admin.post(path, None).json()["environment"] is None
    world.start(ann)
    use(world, **SANDBOX_CLIENT | {"client_id": "another"})
    assert admin.post(path, None).json()["environment"] == "sandbox"


@pytest.mark.one_database
def test_the_environment_of_a_client_replaced_meanwhile_is_not_recorded(world: World) -> None:
    use(world, **SANDBOX_CLIENT)
    providers = world.connector.services.providers
    replaced = providers.get(Tenant(world.tenant), world.provider_id)
    use(world, **LIVE_CLIENT)

    providers.learn_environment(replaced, "sandbox")

    assert providers.get(Tenant(world.tenant), world.provider_id).environment is None


@pytest.mark.one_database
def test_the_connection_test_continues_if_onfido_does_not_list_applicants(world: World) -> None:
    use(world, **SANDBOX_CLIENT)
    world.faults(route="GET /applicants", failed=-1)

    answer = world.connector.as_admin().post(f"{PROVIDERS}/{world.provider_id}/test-connection", None)

    assert answer.json()["environment"] is None
    assert {check["name"]: check["passed"] for check in answer.json()["checks"]}["workflow"] is True


# Another account


def forget_everything(world: World) -> None:
    """Hide the provider's objects at Onfido, as with another account's credentials."""
    assert HTTP.post(f"{world.simulator.url}/simulator/reset", timeout=60).ok


@pytest.mark.parametrize("status", ["COMPLETED", "REINITIATED", "INITIATED"])
def test_a_run_missing_at_onfido_is_closed_and_verified_claims_stay(world: World, ann: Caller, status: str) -> None:
    use(world, LIVE)
    verify(world, ann, comparisons={"date_of_birth": "unidentified"})
    gone = world.start(ann)
    forget_everything(world)
    use(world, "api_live.of-another-account")

    first = ann.verify(world.provider_id, status)

    expected = {"COMPLETED": 200, "REINITIATED": 400, "INITIATED": 200}[status]
    assert first.status_code == expected, first.text
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    if status != "INITIATED":
        assert statuses(ann)[BIRTH_DATE] == "run_gone"
        world.start(ann)
    assert {verification.status for verification in world.verifications() if verification.run_id == gone} == {"error"}
    assert world.onfido_state()["counts"] == {"applicants": 1, "runs": 1, "webhooks": 0}


def test_the_sweep_closes_runs_missing_at_onfido(world: World, ann: Caller) -> None:
    world.start(ann)
    forget_everything(world)
    [verification] = world.verifications()

    world.connector.services.upkeep.check_verification(CheckVerification.of(verification))

    assert [each.status for each in world.verifications()] == ["error"]


def test_a_wrong_base_url_closes_no_run(world: World, ann: Caller) -> None:
    """There, Onfido answers 404 to every call, even for objects that every account has."""
    run_id = world.start(ann)
    use(world, SANDBOX, base_url=f"{world.simulator.api_url}/no")

    assert ann.verify(world.provider_id, "COMPLETED").status_code == 502

    use(world, SANDBOX)
    assert code_of(ann.verify(world.provider_id, "INITIATED")) == (400, "OIDV-10004")
    assert [verification.run_id for verification in world.verifications() if verification.closed_at is None] == [run_id]


def test_a_404_of_a_proxy_closes_no_run(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    use(world, SANDBOX, base_url=f"{world.simulator.url}/link/{run_id}")

    assert ann.verify(world.provider_id, "COMPLETED").status_code in (502, 503)

    assert [verification.closed_at for verification in world.verifications()] == [None]
