"""Clients, providers and keys that change while a user's request is in progress."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.domain.openid.clients import ClientConfig
from connector.domain.tenancy import Tenant
from tests.contract.wire import PROVIDERS
from tests.harness import World
from tests.oidc.relying_party import RelyingParty, UserBrowser, register, returned
from tests.oidc.test_tokens import approved

pytestmark = pytest.mark.one_database


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world)


def change(world: World, party: RelyingParty, **changes: Any) -> None:
    clients, tenant = world.connector.services.openid_clients, Tenant(world.tenant)
    config: ClientConfig = clients.get(tenant, party.client_id).config
    clients.change(tenant, party.client_id, replace(config, **changes), "admin")


def test_a_client_disabled_during_a_request_gets_no_result(world: World, party: RelyingParty) -> None:
    waiting, done, redeemed = party.push(), party.push(), party.push()
    browser = UserBrowser(party)
    browser.authorize(waiting)
    code, former = approved(world, party, done), approved(world, party, redeemed)
    token = party.id_token(redeemed, former)["access_token"]
    change(world, party, is_enabled=False)
    assert browser.look().status_code == 404
    assert party.exchange(done, code).json()["error"] == "invalid_client"
    userinfo = f"{party.base}/oauth2/userinfo"
    assert browser.get(userinfo, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    unopened = UserBrowser(party)
    change(world, party, is_enabled=True)
    assert unopened.authorize(party.push()).status_code == 303
    assert "Agree and continue" in browser.look().text, "it continues once the client is enabled again"
    assert party.exchange(done, code).status_code == 200


def test_a_redirect_uri_removed_during_a_request_is_not_used(world: World, party: RelyingParty) -> None:
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    change(world, party, redirect_uris=("https://elsewhere.example/cb",))
    answer = browser.press("leave")
    assert (answer.status_code, answer.headers.get("Location")) == (400, None)
    assert "no longer registered" in answer.text


@pytest.mark.parametrize("action", ["disable", "remove"])
def test_a_provider_removed_during_a_request_causes_no_server_error(
    world: World, party: RelyingParty, action: str
) -> None:
    pushed, opened, browser, done = party.push(), party.push(), UserBrowser(party), party.push()
    browser.authorize(opened)
    code = approved(world, party, done)
    providers, tenant = world.connector.services.providers, Tenant(world.tenant)
    if action == "remove":
        assert world.connector.as_admin().request("DELETE", f"{PROVIDERS}/{world.provider_id}").status_code == 204
    else:
        body = world.connector.as_admin().get(f"{PROVIDERS}/{world.provider_id}").json() | {"isEnabled": False}
        assert world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body).status_code == 200
        assert providers.get(tenant, world.provider_id).is_enabled is False
    shown = [browser.look(), UserBrowser(party).authorize(pushed), party.exchange(done, code)]
    shown.append(party.post("/oauth2/par", party.parameters()[0]))
    assert all(answer.status_code < 500 for answer in shown), [answer.text for answer in shown]
    if action == "disable":
        assert browser.press("start").status_code == 503
        assert returned(browser.press("leave"), opened, party)["error"] == "access_denied"


def test_a_removed_user_leaves_neither_a_result_nor_a_request(world: World, party: RelyingParty) -> None:
    waiting, done, redeemed = party.push(), party.push(), party.push()
    browser = UserBrowser(party)
    browser.authorize(waiting)
    browser.start()
    code, former = approved(world, party, done), approved(world, party, redeemed)
    token = party.id_token(redeemed, former)["access_token"]
    userinfo, headers = f"{party.base}/oauth2/userinfo", {"Authorization": f"Bearer {token}"}
    assert browser.get(userinfo, headers=headers).status_code == 200
    guests = {each.user_id for each in world.verifications()}
    assert len(guests) == 3

    for guest in guests:
        world.connector.services.users.remove(Tenant(world.tenant), guest, "admin")

    assert party.exchange(done, code).json()["error"] == "invalid_grant"
    assert browser.get(userinfo, headers=headers).status_code == 401
    assert browser.look().status_code == 404, "the values that came with the request are gone"
    with world.connector.services.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM openid_flows").scalar_one() == 0


def test_keys_can_be_rotated_during_a_request(world: World, party: RelyingParty) -> None:
    pushed = party.push()
    code = approved(world, party, pushed)
    world.clock.advance(2)
    world.connector.services.signing_keys.rotate("admin", is_forced=True)
    assert party.id_token(pushed, code)["sub"] == "00u1"


@pytest.mark.parametrize("query", ["tenant=a%20b", "x=1&x=2&flag&empty=", "state=theirs", "return=%2Fa%3Fb"])
def test_a_redirect_uri_keeps_its_query(world: World, query: str) -> None:
    uri = f"https://app.example/cb?{query}"
    party = register(world, redirect_uris=(uri,))
    pushed, browser = party.push(redirect_uri=uri), UserBrowser(party)
    browser.authorize(pushed)
    location = browser.press("leave").headers["Location"]
    assert location.startswith(f"{uri}&error=access_denied&")
    assert f"&state={pushed.state}" in location
