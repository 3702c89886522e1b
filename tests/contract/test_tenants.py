"""Tenants of one deployment see nothing of each other, even if they have equal ids and names."""

from __future__ import annotations

import pytest
import requests

from connector.domain.tenancy import Tenant
from tests.bodies import config_properties, event_body, provider_body, sign
from tests.contract.wire import (
    ALL_SCOPES,
    OPERATIONS,
    PROVIDERS,
    USERS,
    WEBHOOK_TOKEN,
    Operation,
    answer_on,
    assert_error,
    entry,
    new_user,
)
from tests.harness import World, verified
from tests.values import GIVEN_NAME, MAPPING

NAME = "Same name everywhere"
CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
USER = "same-user-everywhere"


def join(shared: World, tenant: str) -> World:
    """Add the provider and the user that every tenant has to a tenant."""
    world = World(shared.connector, shared.simulator, shared.clock, webhook_token=WEBHOOK_TOKEN, tenant=tenant)
    properties = config_properties(shared.simulator, webhook_token=WEBHOOK_TOKEN)
    body = provider_body(shared.simulator, name=NAME, configProperties=properties)
    world.provider_id = answer_on(shared.connector.as_admin(tenant).post(PROVIDERS, body), 201)["id"]
    world.add_user(USER)
    return world


@pytest.fixture(scope="module")
def ours(shared: World) -> World:
    return join(shared, "ours.example")


@pytest.fixture(scope="module", params=["theirs.example", "carbon.super"])
def theirs(request: pytest.FixtureRequest, shared: World) -> World:
    return join(shared, request.param)


def as_user(world: World) -> str:
    """Return the path of the user's claims, for an administrator."""
    return f"{USERS}/{USER}/idv/claims"


def test_a_provider_of_another_tenant_is_not_found(ours: World, theirs: World) -> None:
    admin, path = ours.connector.as_admin(ours.tenant), f"{PROVIDERS}/{theirs.provider_id}"

    assert_error(admin.get(path), 404, "IDVP-60000")
    assert_error(admin.get(f"{path}/setup-guide"), 404, "IDVP-60000")
    assert_error(admin.put(path, provider_body(ours.simulator, name="Captured")), 404, "IDVP-60000")
    assert_error(admin.request("DELETE", path), 404, "IDVP-60000")

    theirs_now = answer_on(theirs.connector.as_admin(theirs.tenant).get(path), 200)
    assert theirs_now["name"] == NAME


def test_the_list_contains_only_the_tenants_providers(ours: World, theirs: World) -> None:
    for query in ({"filter": f'name eq "{NAME}"'}, {"filter": f"id eq {ours.provider_id}"}):
        page = answer_on(ours.connector.as_admin(ours.tenant).get(PROVIDERS, params=query), 200)
        assert [provider["id"] for provider in page["identityVerificationProviders"]] == [ours.provider_id]
        assert page["totalResults"] == 1
    query = {"filter": f"id eq {theirs.provider_id}"}
    assert answer_on(ours.connector.as_admin(ours.tenant).get(PROVIDERS, params=query), 200)["totalResults"] == 0


@pytest.mark.parametrize("status", ["INITIATED", "COMPLETED", "REINITIATED"])
def test_a_provider_of_another_tenant_verifies_no_user(ours: World, theirs: World, status: str) -> None:
    user_id, me = new_user(ours)
    admin = ours.connector.as_admin(ours.tenant)

    assert_error(me.verify(theirs.provider_id, status), 400, "OIDV-10009")
    assert_error(admin.verify(theirs.provider_id, status, user_id=user_id), 400, "OIDV-10009")
    assert_error(admin.get(f"{USERS}/{user_id}/idv/claims?idVProviderId={theirs.provider_id}"), 400, "IDV-10003")
    assert_error(admin.post(f"{USERS}/{user_id}/idv/claims", [entry(theirs.provider_id)]), 400, "IDV-10003")


def test_the_same_user_id_in_another_tenant_is_another_user(ours: World, theirs: World) -> None:
    user_id, me = new_user(ours)
    theirs.connector.services.users.add(Tenant(theirs.tenant), user_id, {GIVEN_NAME: "Another"})
    namesake = theirs.connector.as_user(user_id, theirs.tenant)
    run_id = ours.start(me)
    ours.post_event(event_body(run_id, comparisons=CLEAR))

    assert verified(me.claims()) == set(MAPPING)
    assert namesake.claims() == {}
    assert theirs.connector.as_admin(theirs.tenant).claims(user_id) == {}
    assert_error(namesake.verify(theirs.provider_id, "COMPLETED"), 400, "OIDV-10014")

    theirs.connector.services.users.change(Tenant(theirs.tenant), user_id, {GIVEN_NAME: "Yet another"})
    assert verified(me.claims()) == set(MAPPING)


def test_a_user_of_another_tenant_is_not_found(ours: World, theirs: World) -> None:
    user_id, _ = new_user(theirs)

    answer = ours.connector.as_admin(ours.tenant).get(f"{USERS}/{user_id}/idv/claims")

    assert_error(answer, 404, "IDV-10001")


def test_a_claim_of_another_tenant_is_not_found(ours: World, theirs: World) -> None:
    user_id, _ = new_user(theirs)
    ours.add_user(user_id)
    path = f"{USERS}/{user_id}/idv/claims"
    added = theirs.connector.as_admin(theirs.tenant).post(path, [entry(theirs.provider_id)])
    claim_path = f"{path}/{answer_on(added, 201)[0]['id']}"
    admin = ours.connector.as_admin(ours.tenant)

    assert_error(admin.get(claim_path), 404, "IDV-10000")
    assert_error(admin.put(claim_path, {"isVerified": False, "claimMetadata": {}}), 404, "IDV-10000")
    assert_error(admin.put(path, [entry(ours.provider_id)]), 404, "IDV-10000")
    assert answer_on(theirs.connector.as_admin(theirs.tenant).get(claim_path), 200)["isVerified"]


def test_same_users_and_providers_are_verified_independently(ours: World, theirs: World) -> None:
    user_id, me = new_user(ours)
    other = theirs.add_user(user_id)

    assert len({ours.start(me), theirs.start(other)}) == 2


def test_the_webhook_accepts_events_only_under_its_own_tenant(ours: World, theirs: World) -> None:
    _, me = new_user(ours)
    event = event_body(ours.start(me), comparisons=CLEAR)

    assert_error(theirs.post_event(event, provider_id=ours.provider_id), 404, "OIDV-60001")
    assert verified(me.claims()) == set()
    assert ours.post_event(event).status_code == 200
    assert verified(me.claims()) == set(MAPPING)


def test_an_event_at_the_webhook_of_another_tenant_reaches_no_run(ours: World, theirs: World) -> None:
    _, me = new_user(ours)
    run_id = ours.start(me)

    assert theirs.post_event(event_body(run_id, comparisons=CLEAR)).status_code == 200  # it may be Onfido's, so: noted

    assert verified(me.claims()) == set()
    assert ours.post_event(event_body(run_id, comparisons=CLEAR)).status_code == 200
    assert verified(me.claims()) == set(MAPPING)


def test_the_webhook_token_of_another_tenant_is_refused(shared: World, ours: World, theirs: World) -> None:
    own = "another-webhook-token"
    properties = config_properties(shared.simulator, webhook_token=own)
    body = provider_body(shared.simulator, name=f"Own token beside {theirs.tenant}", configProperties=properties)
    provider_id = answer_on(shared.connector.as_admin(ours.tenant).post(PROVIDERS, body), 201)["id"]
    event = event_body("run-of-another")

    refused = ours.post_event(event, provider_id=provider_id, signature=sign(event, theirs.webhook_token))
    taken = ours.post_event(event, provider_id=provider_id, signature=sign(event, own))

    assert_error(refused, 401, "OIDV-60002")
    assert taken.status_code == 200


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.one_database
def test_a_token_of_another_tenant_is_refused(ours: World, theirs: World, operation: Operation) -> None:
    token = theirs.connector.caller(USER, ALL_SCOPES, theirs.tenant).headers
    path = operation.path_for(ours.provider_id, USER)

    answer = requests.request(
        operation.method, f"{ours.connector.url}/t/{ours.tenant}{path}", headers=token, data=b"{}", timeout=60
    )

    assert_error(answer, 403, None, "tenant")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_default_tenant_has_two_paths(shared: World) -> None:
    admin, path = shared.connector.as_admin(), f"{PROVIDERS}/{shared.provider_id}"

    assert answer_on(admin.get(path), 200) == answer_on(admin.get(f"/t/carbon.super{path}"), 200)


@pytest.mark.parametrize(
    "prefix", ["/t/", "/t//", "/t/-x", "/t/a b", "/t/%00", "/t/../t/ours.example", "/t/" + "x" * 129]
)
@pytest.mark.one_database
def test_a_path_with_an_invalid_tenant_is_not_found(shared: World, prefix: str) -> None:
    request = requests.Request("GET", shared.connector.url, headers=shared.connector.as_admin().headers).prepare()
    request.url = f"{shared.connector.url}{prefix}{PROVIDERS}".replace(" ", "%20")
    with requests.Session() as session:
        answer = session.send(request, timeout=60, allow_redirects=False)

    assert_error(answer, 404)


def test_a_nested_tenant_prefix_is_not_found(shared: World) -> None:
    answer = shared.connector.as_admin().get(f"/t/carbon.super/t/carbon.super{PROVIDERS}")

    assert_error(answer, 404)
