"""Tokens of Glewlwyd: signed, or introspected with a hint for access tokens."""

from __future__ import annotations

from tests.identity.gates import ASKED, gate, refusal
from tests.identity.glewlwyd import Glewlwyd

ASKED_AS_SHOP = ASKED | {
    "client_id": "shop",
    "client_secret": "env:SHOP_SECRET",
}  # it introspects tokens only for their own client
AUDIENCES = {"audience": ["https://connector", "openid internal_idvp_view"]}


def test_tokens_of_users_and_clients_are_accepted(glewlwyd: Glewlwyd) -> None:
    user = glewlwyd.sign_in("openid internal_idvp_view")["access_token"]
    for settings in ({}, ASKED_AS_SHOP):
        site = gate((glewlwyd.issuer, AUDIENCES | settings))
        assert site.get(glewlwyd.client_token()).get_json()["subject"] == "shop"
        assert len(site.get(user).get_json()["subject"]) == 32, "its subjects are random"


def test_another_claim_may_identify_the_user(glewlwyd: Glewlwyd) -> None:
    site = gate((glewlwyd.issuer, AUDIENCES | ASKED_AS_SHOP | {"subject_claim": "username"}))
    assert site.get(glewlwyd.sign_in("openid internal_idvp_view")["access_token"]).get_json()["subject"] == "ann"
    assert site.get(glewlwyd.client_token()).get_json()["subject"] == "shop"


def test_glewlwyd_does_not_introspect_id_or_refresh_tokens_as_access_tokens(glewlwyd: Glewlwyd) -> None:
    site = gate((glewlwyd.issuer, AUDIENCES | ASKED_AS_SHOP | {"audience": "shop"}))
    tokens = glewlwyd.sign_in("openid internal_idvp_view")
    assert [refusal(site, tokens[name]) for name in ("id_token", "refresh_token")] == ["active", "active"]
    signed = gate((glewlwyd.issuer, {"audience": "shop", "token_types": ["JWT"]}))
    assert refusal(signed, tokens["id_token"]) == "use"


def test_a_revoked_token_is_refused_within_a_minute(glewlwyd: Glewlwyd) -> None:
    site, token = gate((glewlwyd.issuer, AUDIENCES | ASKED_AS_SHOP)), glewlwyd.client_token()
    assert site.get(token).status_code == 200
    glewlwyd.post("/revoke", "shop", token=token)
    site.clock.now += 60
    assert refusal(site, token) == "active"
