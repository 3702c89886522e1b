"""Forged tokens for each real authorization server, expired tokens, new keys, and outages."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.identity.canaille_server import Canaille
from tests.identity.gates import ASKED, gate, refusal
from tests.identity.glewlwyd import Glewlwyd
from tests.identity.servers import SCOPES, NanoIdp, OidcProvider, Server, key_set, new_keys
from tests.waiting import wait_until

VIEW = SCOPES[1]
DAY = 86_400


@dataclass(frozen=True)
class Signing:
    """A server that signs its access tokens: one of them, the issuer's settings, and its private keys."""

    server: Server
    token: str
    id_token: str
    settings: dict[str, Any]
    keys: str

    def claims(self) -> dict[str, Any]:
        return dict(_read(self.token.split(".")[1]))

    def header(self) -> dict[str, Any]:
        return dict(_read(self.token.split(".")[0]))

    def signed(self, keys: str = "", **changes: Any) -> str:
        """Sign the token's claims with changes."""
        key = key_set(keys or self.keys).keys[0]
        return jwt.encode(self.header(), self.claims() | changes, key, algorithms=["RS256"])


def _read(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _written(content: bytes | dict[str, Any]) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture(params=["oidc-provider", "nanoidp", "glewlwyd"])
def signing(request: pytest.FixtureRequest) -> Signing:
    if request.param == "oidc-provider":
        provider: OidcProvider = request.getfixturevalue("oidc_provider")
        tokens = provider.sign_in("jwt")
        return Signing(provider, tokens["access_token"], tokens["id_token"], {}, provider.keys)
    if request.param == "nanoidp":
        nanoidp: NanoIdp = request.getfixturevalue("nanoidp")
        tokens = nanoidp.sign_in()
        return Signing(nanoidp, tokens["access_token"], tokens["id_token"], {"token_types": ["JWT"]}, nanoidp.keys)
    glewlwyd: Glewlwyd = request.getfixturevalue("glewlwyd")
    tokens = glewlwyd.sign_in(f"openid {VIEW}")
    settings = {"audience": f"openid {VIEW}"}
    return Signing(glewlwyd, tokens["access_token"], tokens["id_token"], settings, glewlwyd.keys)


def without_signature(signing: Signing) -> str:
    return f"{_written(signing.header() | {'alg': 'none'})}.{_written(signing.claims())}."


def with_public_key(signing: Signing) -> str:
    """Sign with the server's public key as the secret of HS256."""
    key = key_set(signing.keys).keys[0]
    assert isinstance(key, RSAKey)
    content = f"{_written(signing.header() | {'alg': 'HS256'})}.{_written(signing.claims())}"
    return f"{content}.{_written(hmac.digest(key.as_pem(private=False), content.encode(), 'sha256'))}"


def of_another_user(signing: Signing) -> str:
    header, _, signature = signing.token.split(".")
    return f"{header}.{_written(signing.claims() | {'sub': 'mallory'})}.{signature}"


FORGED: dict[str, tuple[Callable[[Signing], str], str]] = {
    "alg none": (without_signature, "alg"),
    "public key as a secret": (with_public_key, "alg"),
    "another user under its signature": (of_another_user, "signature"),
    "a stranger's key under its kid": (lambda each: each.signed(new_keys("x")), "signature"),
    "expired": (lambda each: each.signed(exp=int(time.time()) - DAY), "exp"),
    "of tomorrow": (lambda each: each.signed(nbf=int(time.time()) + DAY), "nbf"),
    "another audience": (lambda each: each.signed(aud="another"), "aud"),
    "another issuer": (lambda each: each.signed(iss="https://idp.example.com"), "iss"),
}


@pytest.mark.parametrize(("forge", "check"), FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(signing: Signing, forge: Callable[[Signing], str], check: str) -> None:
    site = gate((signing.server.issuer, signing.settings))
    assert refusal(site, forge(signing)) == check
    assert site.get(signing.signed()).status_code == 200, "it was the change alone"


def test_an_id_token_is_refused_as_access_token(signing: Signing) -> None:
    lenient = {"audience": "shop", "token_types": ["JWT", "at+jwt", "none"], "scope_map": {"": VIEW}}
    assert refusal(gate((signing.server.issuer, lenient)), signing.id_token) == "use"


def test_a_token_of_another_tenant_is_refused(signing: Signing) -> None:
    site = gate((signing.server.issuer, signing.settings | {"tenant": "blue"}))
    assert site.get(signing.token, Tenant="blue").status_code == 200
    assert refusal(site, signing.token, 403, Tenant="red") == "tenant"


def test_an_outage_is_not_a_refusal(signing: Signing) -> None:
    known, new = (gate((signing.server.issuer, signing.settings)) for _ in range(2))
    assert known.get(signing.token).status_code == 200
    signing.server.stop()
    try:
        assert known.get(signing.token).status_code == 200, "the keys are kept"
        answer = new.get(signing.token)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    finally:
        signing.server.start()
    new.clock.now += 60
    assert new.get(signing.token).status_code == 200


def test_new_keys_of_glewlwyd_are_found_and_former_ones_forgotten(glewlwyd: Glewlwyd) -> None:
    site = gate((glewlwyd.issuer, {"audience": f"openid {VIEW}"}))
    before = glewlwyd.sign_in(f"openid {VIEW}")["access_token"]
    assert site.get(before).status_code == 200
    for kid in ("newer", "only"):  # other tests expect the last one
        glewlwyd.rotate_keys(kid)
        site.clock.now += 60
        assert site.get(glewlwyd.sign_in(f"openid {VIEW}")["access_token"]).status_code == 200
    assert refusal(site, before) == "signature"


class TestIntrospection:
    """Servers that introspect each token."""

    def test_canaille_introspects_only_its_own_tokens(self, canaille: Canaille) -> None:
        site, tokens = gate((canaille.issuer, ASKED)), canaille.sign_in(f"openid {VIEW}")
        answer = site.get(tokens["access_token"])
        assert (answer.status_code, answer.get_json()["subject"], answer.get_json()["client_id"]) == (
            200,
            "ann",
            "shop",
        )
        assert refusal(site, tokens["id_token"]) == "active"
        assert refusal(site, tokens["access_token"][:-4] + "AAAA") == "active"
        assert refusal(site, "made-up") == "active"
        assert refusal(site, canaille.sign_in("openid")["access_token"], 403) == "scope"
        signed = gate((canaille.issuer, {"token_types": ["JWT"]}))
        assert refusal(signed, tokens["id_token"]) == "use"

    def test_a_revoked_token_of_canaille_is_refused_within_a_minute(self, canaille: Canaille) -> None:
        site, token = gate((canaille.issuer, ASKED)), canaille.sign_in(f"openid {VIEW}")["access_token"]
        assert site.get(token).status_code == 200
        canaille.post("/oauth/revoke", "shop", token=token)
        site.clock.now += 60
        assert refusal(site, token) == "active"

    def test_an_outage_of_canaille_is_not_a_refusal(self, canaille: Canaille) -> None:
        site, token = gate((canaille.issuer, ASKED)), canaille.sign_in(f"openid {VIEW}")["access_token"]
        canaille.stop()
        try:
            answer = site.get(token)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        finally:
            canaille.start()
        site.clock.now += 60
        assert refusal(site, token) == "active", "the server keeps tokens in memory"
        assert site.get(canaille.sign_in(f"openid {VIEW}")["access_token"]).status_code == 200

    def test_a_token_that_expires_at_its_server_is_refused_afterwards(self, oidc_provider: OidcProvider) -> None:
        """The times of signed tokens are checked by the connector (`expired`)."""
        site, token = gate((oidc_provider.issuer, ASKED)), oidc_provider.sign_in("brief:opaque")["access_token"]

        def is_refused() -> bool:
            site.clock.now += 60
            return site.get(token).status_code == 401

        wait_until(is_refused)
        assert refusal(site, token) == "active"
