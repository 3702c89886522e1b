"""Results of Onfido's sandbox, which checks no documents, are returned only to clients that allow them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.harness import World
from tests.oidc.relying_party import (
    NAMES,
    Pushed,
    RelyingParty,
    UserBrowser,
    ida_claims,
    okta_claims,
    register,
    returned,
    run_of,
)
from tests.oidc.test_people import ASKED, signed_in
from tests.services.environments import LIVE, LIVE_CLIENT, SANDBOX_CLIENT, use, verify

CLAIMS = {"okta": okta_claims(), "ida": ida_claims()}
TEST = "This is a test."


def forbid(party: RelyingParty) -> None:
    """Stop allowing results of the sandbox for the client."""
    clients, tenant = party.world.connector.services.openid_clients, Tenant(party.tenant)
    config = clients.get(tenant, party.client_id).config
    clients.change(tenant, party.client_id, replace(config, allows_sandbox=False), "admin")


def started(party: RelyingParty, pushed: Pushed) -> UserBrowser:
    browser = UserBrowser(party)
    browser.authorize(pushed)
    browser.start()
    return browser


def answered(browser: UserBrowser, pushed: Pushed) -> dict[str, Any]:
    party = browser.party
    return party.id_token(pushed, returned(browser.follow(), pushed, party)["code"])


def level(token: dict[str, Any]) -> str:
    [element] = token["verified_claims"]
    return str(element["verification"]["assurance_level"])


@pytest.mark.parametrize("profile", ["okta", "ida"])
def test_a_client_that_forbids_the_sandbox_is_refused_while_its_provider_uses_it(world: World, profile: str) -> None:
    party = register(world, profile=profile, allows_sandbox=False)
    parameters, _ = party.parameters()
    answer = party.post("/oauth2/par", parameters)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert "allowsSandbox" in answer.json()["error_description"]
    assert world.onfido_state()["requests"].get("POST /workflow_runs") is None

    use(world, LIVE)
    pushed = party.push(CLAIMS[profile])
    browser = UserBrowser(party)
    browser.authorize(pushed)
    assert TEST not in browser.look().text
    browser.start()
    world.outcome(run_of(world))
    token = answered(browser, pushed)
    assert {name: _value(token, name) for name in NAMES} == NAMES


def _value(token: dict[str, Any], name: str) -> str:
    """Return a claim's value, in the form of either profile."""
    claims = token["verified_claims"]
    claim = (claims[0] if isinstance(claims, list) else claims)["claims"][name]
    return str(claim["value"] if isinstance(claim, dict) else claim)


@pytest.mark.one_database
def test_a_client_that_allows_the_sandbox_can_see_that_the_result_is_a_test(world: World) -> None:
    party = register(world)
    pushed, browser = party.push(), UserBrowser(party)
    browser.authorize(pushed)
    assert TEST in browser.look().text
    browser.start()
    world.outcome(run_of(world))
    assert level(answered(browser, pushed)) == "VERIFIED"
    of_ida = register(world, profile="ida")
    asked = of_ida.push(ida_claims())
    browser = started(of_ida, asked)
    world.outcome(run_of(world))
    verification = answered(browser, asked)["verified_claims"]["verification"]
    assert (verification["trust_framework"], "evidence" in verification) == ("sandbox", False)


@pytest.mark.one_database
@pytest.mark.parametrize("profile", ["okta", "ida"])
def test_a_sandbox_result_that_is_no_longer_allowed_is_not_returned(world: World, profile: str) -> None:
    party = register(world, profile=profile)
    pushed = party.push(CLAIMS[profile])
    browser = started(party, pushed)
    world.outcome(run_of(world))
    forbid(party)
    token = answered(browser, pushed)
    if profile == "okta":
        assert level(token) == "FAILED"
        assert token["verified_claims"][0]["claims"] == {name: {"value": None, "fuzzy": True} for name in NAMES}
    else:
        assert "verified_claims" not in token


@pytest.mark.one_database
@pytest.mark.parametrize(("credentials", "expected"), [(SANDBOX_CLIENT, "FAILED"), (LIVE_CLIENT, "VERIFIED")])
def test_credentials_with_an_unknown_environment_are_judged_by_the_result(
    world: World, credentials: dict[str, str], expected: str
) -> None:
    use(world, None, **credentials)
    party = register(world, allows_sandbox=False)
    pushed = party.push()
    browser = started(party, pushed)
    world.outcome(run_of(world))
    assert level(answered(browser, pushed)) == expected


@pytest.mark.one_database
def test_sandbox_verifications_of_a_directory_user_do_not_count_in_live(world: World) -> None:
    ann = world.add_user("ann")
    verify(world, ann)
    use(world, LIVE)
    party = register(world, allows_sandbox=False)
    pushed, browser = party.push(ASKED), signed_in(party)
    browser.authorize(pushed)
    browser.start()
    world.outcome(run_of(world), status="declined")
    assert level(answered(browser, pushed)) == "FAILED"
