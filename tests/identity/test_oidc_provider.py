"""Tokens of node-oidc-provider: signed and opaque ones, of users and of clients; new keys and outages."""

from __future__ import annotations

import pytest

from tests.identity.gates import ASKED, gate, refusal
from tests.identity.servers import OidcProvider, new_keys

BY_POST = {
    "client_id": "connector-by-post",
    "client_secret": "env:AS_SECRET_BY_POST",
    "client_auth": "client_secret_post",
}


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_tokens_of_users_and_clients_are_accepted(oidc_provider: OidcProvider, kind: str) -> None:
    site = gate((oidc_provider.issuer, ASKED if kind == "opaque" else {}))
    user = site.get(oidc_provider.sign_in(kind)["access_token"])
    client = site.get(oidc_provider.client_token(kind))
    assert [answer.get_json()["subject"] for answer in (user, client)] == ["ann", "shop"]
    assert [answer.get_json()["client_id"] for answer in (user, client)] == ["shop", "shop"]


def test_node_oidc_providers_other_tokens_are_refused(oidc_provider: OidcProvider) -> None:
    tokens = oidc_provider.sign_in("opaque")
    signed, asked = gate((oidc_provider.issuer, {})), gate((oidc_provider.issuer, ASKED))
    lenient = {"audience": "shop", "token_types": ["JWT", "none"], "scope_map": {"": "internal_idvp_view"}}
    assert refusal(gate((oidc_provider.issuer, lenient)), tokens["id_token"]) == "use"
    assert refusal(asked, tokens["id_token"]) == "active", "the server accepts no JWT there, and answers with an error"
    assert refusal(asked, tokens["refresh_token"]) == "aud"
    assert refusal(signed, tokens["access_token"]) == "form", "it is not introspected"


def test_the_client_may_authenticate_in_the_form(oidc_provider: OidcProvider) -> None:
    site = gate((oidc_provider.issuer, ASKED | BY_POST))
    assert site.get(oidc_provider.client_token("opaque")).status_code == 200
    wrong = gate((oidc_provider.issuer, ASKED | BY_POST | {"client_secret": "env:AS_SECRET"}))
    assert wrong.get(oidc_provider.client_token("opaque")).status_code == 503


def test_a_revoked_opaque_token_is_refused_within_a_minute(oidc_provider: OidcProvider) -> None:
    site, token = gate((oidc_provider.issuer, ASKED)), oidc_provider.client_token("opaque")
    assert site.get(token).status_code == 200
    oidc_provider.revoke(token)
    assert site.get(token).status_code == 200
    site.clock.now += 60
    assert refusal(site, token) == "active"


def test_a_provider_restarted_with_new_keys_is_trusted_again(oidc_provider: OidcProvider) -> None:
    signed, asked = gate((oidc_provider.issuer, {})), gate((oidc_provider.issuer, ASKED))
    before, opaque = oidc_provider.client_token("jwt"), oidc_provider.client_token("opaque")
    assert [signed.get(before).status_code, asked.get(opaque).status_code] == [200, 200]
    oidc_provider.stop()
    assert signed.get(before).status_code == 200, "the keys are kept"
    assert asked.get(opaque).status_code == 200, "so is the answer"
    assert asked.get("another-token").headers["Retry-After"] == "5"
    oidc_provider.keys = new_keys("only")  # under the same kid
    oidc_provider.start()
    for site in (signed, asked):
        site.clock.now += 60
    after = oidc_provider.client_token("jwt")
    assert signed.get(after).status_code == 200
    assert refusal(signed, before) == "signature"
    assert refusal(asked, opaque) == "active", "the server keeps tokens in memory"
    assert asked.get(oidc_provider.client_token("opaque")).status_code == 200
