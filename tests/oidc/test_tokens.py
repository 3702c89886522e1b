"""Codes, tokens and clients of the OpenID provider: refusals, and the authentication of clients."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from connector.domain.tenancy import Tenant
from tests.harness import World
from tests.identity.schemas import assert_ida
from tests.oidc.relying_party import (
    NAMES,
    REDIRECT_URI,
    Pushed,
    RelyingParty,
    UserBrowser,
    ida_claims,
    okta_claims,
    register,
    returned,
    run_of,
)

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def party(world: World) -> RelyingParty:
    return register(world)


def approved(world: World, party: RelyingParty, pushed: Pushed) -> str:
    """Complete a request with an approved user; return the code."""
    browser = UserBrowser(party)
    assert browser.authorize(pushed).status_code == 303
    browser.start()
    world.outcome(run_of(world))
    return returned(browser.follow(), pushed, party)["code"]


REFUSED: tuple[tuple[dict[str, str | None], str], ...] = (
    ({"client_secret": "wrong"}, "invalid_client"),
    ({"client_secret": None}, "invalid_client"),
    ({"code": "wrong"}, "invalid_grant"),
    ({"code": None}, "invalid_request"),
    ({"code_verifier": None}, "invalid_request"),
    ({"code_verifier": "x" * 43}, "invalid_grant"),
    ({"redirect_uri": "https://org.okta.example/elsewhere"}, "invalid_grant"),
    ({"redirect_uri": None}, "invalid_grant"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
)


@pytest.mark.one_database
def test_refused_exchanges_do_not_spend_the_code(world: World, party: RelyingParty) -> None:
    pushed = party.push()
    code = approved(world, party, pushed)

    for changes, error in REFUSED:
        answer = party.exchange(pushed, code, **changes)
        assert (answer.status_code in (400, 401), answer.json()["error"]) == (True, error), changes

    assert party.exchange(pushed, code).status_code == 200, "the right client still gets its tokens"


def test_a_code_of_another_client_is_refused(world: World, party: RelyingParty) -> None:
    other = register(world, name="Other")
    pushed = party.push()
    code = approved(world, party, pushed)
    assert other.exchange(pushed, code).json()["error"] == "invalid_grant"
    assert party.exchange(pushed, code).status_code == 200


def test_requests_codes_and_tokens_expire(world: World, party: RelyingParty) -> None:
    late, kept, pushed = party.push(), party.push(), party.push()
    browser = UserBrowser(party)
    browser.authorize(kept)
    code = approved(world, party, pushed)
    world.clock.advance(61)
    assert party.exchange(pushed, code).json()["error"] == "invalid_grant"
    assert UserBrowser(party).authorize(late).status_code == 400
    assert "Agree and continue" in browser.look().text, "ten minutes are for the user"
    world.clock.advance(600)
    back = returned(browser.look(), kept, party)
    assert back["error"] == "access_denied"
    world.sweep()
    assert returned(browser.look(), kept, party)["error"] == "access_denied", "a late user is sent back as well"
    world.clock.advance(3700)
    world.sweep()
    assert browser.look().status_code == 404


def test_values_are_encrypted_and_erased(world: World, party: RelyingParty) -> None:
    pushed = party.push(okta_claims({**NAMES, "given_name": "Zaphod"}))
    services = world.connector.services
    dump = _dump(world)
    assert "Zaphod" not in dump
    assert party.secret not in dump
    assert pushed.request_uri.rpartition(":")[2] not in dump
    world.clock.advance(700)
    world.sweep()
    with services.database.read() as connection:
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM openid_flows WHERE sent_values IS NOT NULL").scalar() == 0
        )


def _dump(world: World) -> str:
    with world.connector.services.database.read() as connection:
        tables = ("openid_clients", "openid_flows")
        return "\n".join(
            str(row) for table in tables for row in connection.exec_driver_sql(f"SELECT * FROM {table}").all()
        )


@pytest.mark.one_database
@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
def test_json_is_returned_for_either_media_type(world: World, party: RelyingParty, media_type: str) -> None:
    parameters, verifier = party.parameters()
    body = json.dumps(parameters | {"claims": okta_claims()})
    answer = party.post("/oauth2/par", body, headers={"Content-Type": media_type})
    assert answer.status_code == 201, answer.text
    pushed = Pushed(answer.json()["request_uri"], parameters["state"], parameters["nonce"], verifier)
    assert party.exchange(pushed, approved(world, party, pushed)).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'{"a": 1, "a": 2}', b"scope=a&scope=b"], ids=str)
def test_an_unreadable_body_is_refused(party: RelyingParty, body: bytes) -> None:
    for path in ("/oauth2/par", "/oauth2/token"):
        answer = party.post(path, body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status_code in (400, 401), answer.text
        assert answer.json()["error"] in ("invalid_request", "invalid_client", "unsupported_grant_type")


@pytest.mark.one_database
def test_a_secret_is_accepted_by_basic_authentication_and_rotates_with_overlap(
    world: World, party: RelyingParty
) -> None:
    clients, tenant = world.connector.services.openid_clients, Tenant(world.tenant)
    _, new = clients.rotate_secret(tenant, party.client_id, "admin")
    for secret in (party.secret, new):
        parameters, _ = party.parameters(client_secret=None)
        answer = party.post("/oauth2/par", parameters, auth=(party.client_id, secret))
        assert answer.status_code == 201, answer.text
    world.clock.advance(timedelta(days=2).total_seconds())
    parameters, _ = party.parameters(client_secret=None)
    answer = party.post("/oauth2/par", parameters, auth=(party.client_id, party.secret))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("key", [RSAKey.generate_key(2048), ECKey.generate_key("P-256")], ids=["RS256", "ES256"])
def test_a_client_can_use_an_assertion_only_once(world: World, key: Key) -> None:
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    party = register(world, keys=(key.as_dict(private=False),))
    issuer = party.metadata()["issuer"]
    parameters, _ = party.parameters(client_secret=None)

    def push(signing: Key = key, **changes: Any) -> requests.Response:
        now = int(world.clock().timestamp())
        claims = {"iss": party.client_id, "sub": party.client_id, "aud": issuer, "jti": str(uuid.uuid4())}
        given = {**claims, "iat": now, "exp": now + 60, **changes}
        claims = {name: value for name, value in given.items() if value is not None}
        assertion = jwt.encode({"alg": algorithm}, claims, signing, algorithms=[algorithm])
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return party.post("/oauth2/par", parameters | proof)

    assert push(jti="once").status_code == 201
    assert push(aud=f"{issuer}/oauth2/token").status_code == 201
    stranger = RSAKey.generate_key(2048) if algorithm == "RS256" else ECKey.generate_key("P-256")
    for refused in (
        *(push(jti="once"), push(stranger), push(aud="https://elsewhere.example"), push(jti=None)),
        *(push(exp=int(world.clock().timestamp()) - 600), push(exp=int(world.clock().timestamp()) + 90_000)),
        *(push(iss="other"), push(sub="other"), push(jti=7), push(jti="x" * 256)),
    ):
        assert refused.status_code in (400, 401), refused.text
        assert refused.json()["error"] == "invalid_client"
    by_secret, _ = party.parameters()
    assert party.post("/oauth2/par", by_secret).json()["error"] == "invalid_client", "it has keys, so no secret counts"
    secretive = register(world)
    parameters["client_id"] = secretive.client_id
    assert push(iss=secretive.client_id, sub=secretive.client_id).json()["error"] == "invalid_client"


def test_identity_assurance_is_answered_according_to_its_schema(world: World) -> None:
    party = register(world, profile="ida")
    pushed = party.push(ida_claims())

    token = party.id_token(pushed, approved(world, party, pushed))

    assert token["verified_claims"]["claims"] == NAMES
    assert set(token["verified_claims"]["verification"]) >= {"trust_framework", "time"}
    assert_ida({"verified_claims": token["verified_claims"]})


def test_another_tenant_finds_neither_client_nor_request(world: World, party: RelyingParty) -> None:
    stranger = RelyingParty(world, party.client_id, party.secret, "other")
    parameters, _ = stranger.parameters()
    assert stranger.post("/oauth2/par", parameters).json()["error"] == "invalid_client"
    pushed = party.push()
    assert UserBrowser(stranger).authorize(pushed).status_code == 400
    browser = UserBrowser(party)
    browser.authorize(pushed)
    elsewhere = browser.page.replace("/oauth2/", "/t/other/oauth2/")
    assert browser.get(elsewhere).status_code == 404
    assert stranger.metadata()["issuer"] == f"{party.metadata()['issuer']}/t/other"


@pytest.mark.one_database
def test_another_browser_cannot_continue_a_request(party: RelyingParty) -> None:
    browser, thief = UserBrowser(party), UserBrowser(party)
    browser.authorize(party.push())
    thief.authorize(party.push())
    thief.page = browser.page
    assert thief.look().status_code == 404
    assert thief.session.post(f"{browser.page}/start", data={"token": "0" * 64}, timeout=60).status_code == 404
    assert browser.session.post(f"{browser.page}/start", data={"token": "0" * 64}, timeout=60).status_code == 400
    assert browser.session.post(f"{browser.page}/leave", timeout=60).status_code == 400


@pytest.mark.one_database
def test_no_user_is_redirected_to_a_disabled_or_removed_client(world: World, party: RelyingParty) -> None:
    clients, tenant = world.connector.services.openid_clients, Tenant(world.tenant)
    browser, pushed = UserBrowser(party), party.push()
    browser.authorize(pushed)
    clients.remove(tenant, party.client_id, "admin")
    assert browser.look().status_code == 404
    parameters, _ = party.parameters()
    assert party.post("/oauth2/par", parameters).json()["error"] == "invalid_client"
    assert browser.get("/oauth2/authorize").status_code == 400
    assert browser.get("/oauth2/userinfo").headers["WWW-Authenticate"].startswith("Bearer")
    assert REDIRECT_URI
