"""Our OpenID provider with a certified relying party, npm's openid-client, by each method of authentication."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.bodies import config_properties, provider_body
from tests.harness import World
from tests.identity.openid_client import OpenIdClient, has_openid_client
from tests.identity.schemas import assert_ida
from tests.oidc.relying_party import (
    NAMES,
    REDIRECT_URI,
    RelyingParty,
    UserBrowser,
    ida_claims,
    okta_claims,
    register,
    run_of,
)

pytestmark = pytest.mark.one_database

Connect = Callable[..., OpenIdClient]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect an openid-client as a registered party."""
    if not has_openid_client():
        pytest.skip("openid-client: not installed (npm --prefix tests/identity/node ci)")
    with ExitStack() as stack:

        def start(party: RelyingParty, method: str, **proof: Any) -> OpenIdClient:
            issuer = party.metadata()["issuer"]
            return stack.enter_context(OpenIdClient(issuer, party.client_id, method, **proof))

        yield start


def request_of(claims: object) -> dict[str, str]:
    return {"redirect_uri": REDIRECT_URI, "login_hint": "00u1", "claims": json.dumps(claims)}


def browser_at(party: RelyingParty, url: str) -> UserBrowser:
    """Return a user's browser that has followed the relying party's redirect."""
    browser = UserBrowser(party)
    answer = browser.get(url)
    assert answer.status_code == 303, answer.text
    browser.page = party.world.connector.url + answer.headers["Location"]
    return browser


def verified(world: World, party: RelyingParty, client: OpenIdClient, claims: object) -> dict[str, Any]:
    """Verify a user, and return the claims at the relying party."""
    browser = browser_at(party, client.begin(request_of(claims))["url"])
    browser.start()
    world.outcome(run_of(world))
    answer = client.finish(browser.follow().headers["Location"])
    assert "error" not in answer, answer
    return answer


def key_of(algorithm: str) -> ECKey | RSAKey:
    parameters: Any = {"kid": f"of {algorithm}", "alg": algorithm, "use": "sig"}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters)
    return RSAKey.generate_key(2048, parameters)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_a_client_with_signed_assertions_gets_a_token_and_userinfo(
    world: World, connect: Connect, algorithm: str
) -> None:
    key = key_of(algorithm)
    party = register(world, profile="ida", keys=(key.as_dict(private=False),))
    client = connect(party, "private_key_jwt", key=key.as_dict(private=True))
    answer = verified(world, party, client, ida_claims())

    assert answer["claims"]["sub"] == answer["userinfo"]["sub"] == "00u1"
    assert answer["claims"]["verified_claims"]["claims"] == NAMES
    assert answer["userinfo"]["verified_claims"] == answer["claims"]["verified_claims"]
    assert_ida({"verified_claims": answer["userinfo"]["verified_claims"]})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_with_a_secret_gets_a_token_and_userinfo(world: World, connect: Connect, method: str) -> None:
    party = register(world)
    answer = verified(world, party, connect(party, method, secret=party.secret), okta_claims())
    [element] = answer["claims"]["verified_claims"]
    assert element["verification"]["assurance_level"] == "VERIFIED"
    assert answer["userinfo"]["verified_claims"] == [element]


def test_every_tenant_has_its_own_issuer(world: World, connect: Connect) -> None:
    theirs = replace(world, tenant="theirs.example")
    properties = config_properties(world.simulator, webhook_token=world.webhook_token)
    body = provider_body(world.simulator, configProperties=properties)
    admin = world.connector.as_admin(theirs.tenant)
    theirs.provider_id = admin.post("/api/server/v1/idv-providers", body).json()["id"]
    party = register(theirs)
    client = connect(party, "client_secret_basic", secret=party.secret)
    answer = verified(theirs, party, client, okta_claims())
    assert answer["claims"]["iss"] == f"{world.connector.url}/t/theirs.example"


def test_cancelling_returns_an_error_that_names_its_issuer(world: World, connect: Connect) -> None:
    party = register(world)
    client = connect(party, "client_secret_basic", secret=party.secret)
    browser = browser_at(party, client.begin(request_of(okta_claims()))["url"])
    assert client.finish(browser.press("leave").headers["Location"])["error"] == "access_denied"


@pytest.mark.parametrize("name", ["iss", "state"])
def test_the_client_refuses_an_answer_of_another_issuer_or_request(world: World, connect: Connect, name: str) -> None:
    party = register(world)
    client = connect(party, "client_secret_basic", secret=party.secret)
    browser = browser_at(party, client.begin(request_of(okta_claims()))["url"])
    location = urlsplit(browser.press("leave").headers["Location"])
    query = {key: values[0] for key, values in parse_qs(location.query).items()} | {name: "https://mix-up.example"}
    answer = client.finish(urlunsplit(location._replace(query=urlencode(query))))
    assert answer["error"] == "OAUTH_INVALID_RESPONSE", (
        "the check is the client's: it found the parameter, and compared"
    )


def test_a_refusal_of_the_provider_is_an_error_that_the_client_understands(world: World, connect: Connect) -> None:
    party = register(world)
    client = connect(party, "client_secret_basic", secret=party.secret)
    wrong = connect(party, "client_secret_basic", secret="wrong")
    assert wrong.begin(request_of(okta_claims()))["error"] == "OAUTH_WWW_AUTHENTICATE_CHALLENGE"
    for parameters, error in (
        (request_of({"id_token": {"verified_claims": []}}), "invalid_request"),
        (request_of(okta_claims()) | {"redirect_uri": f"{REDIRECT_URI}/elsewhere"}, "invalid_request"),
        (request_of(okta_claims()) | {"scope": "profile"}, "invalid_scope"),
        (request_of(okta_claims()) | {"response_type": "token"}, "unsupported_response_type"),
    ):
        assert client.begin(parameters)["error"] == error
