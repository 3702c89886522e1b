"""Tokens of NanoIDP: JWTs whose header does not mark them as access tokens, verified or introspected."""

from __future__ import annotations

from tests.identity.gates import ASKED, gate, refusal
from tests.identity.servers import NanoIdp

JWT = {"token_types": ["JWT"]}


def test_nanoidps_access_tokens_are_accepted_and_its_other_tokens_refused(nanoidp: NanoIdp) -> None:
    site, tokens = gate((nanoidp.issuer, JWT)), nanoidp.sign_in()
    answer = site.get(tokens["access_token"])
    assert answer.get_json()["subject"] == "ann"
    assert answer.get_json()["client_id"] == "shop"
    assert [refusal(site, tokens[name]) for name in ("id_token", "refresh_token")] == ["use", "use"]
    assert refusal(gate((nanoidp.issuer, JWT | {"audience": "shop"})), tokens["id_token"]) == "use"
    assert refusal(gate((nanoidp.issuer, {})), tokens["access_token"]) == "typ"


def test_nanoidps_roles_may_be_scopes_and_its_claim_the_tenant(nanoidp: NanoIdp) -> None:
    roles = {"scope_claim": "roles", "scope_map": {"customer": "internal_idvp_view"}, "tenant_claim": "tenant"}
    token = nanoidp.sign_in("openid")["access_token"]
    assert gate((nanoidp.issuer, JWT | roles)).get(token, Tenant="blue").get_json()["tenant"] == "blue"
    assert refusal(gate((nanoidp.issuer, JWT | roles)), token, 403, Tenant="red") == "tenant"
    assert refusal(gate((nanoidp.issuer, JWT)), token, 403) == "scope"


def test_nanoidps_tokens_may_be_introspected_instead_of_verified(nanoidp: NanoIdp) -> None:
    site, tokens = gate((nanoidp.issuer, ASKED)), nanoidp.sign_in()
    assert site.get(tokens["access_token"]).get_json()["subject"] == "ann"
    assert refusal(site, tokens["id_token"]) == "active"
    assert refusal(site, tokens["refresh_token"]) == "use", "the server calls it active, and of type Bearer"
    header, claims, _ = tokens["access_token"].split(".")
    assert refusal(site, f"{header}.{claims}.AAAA") == "active"


def test_a_revoked_token_is_refused_within_a_minute(nanoidp: NanoIdp) -> None:
    site, token = gate((nanoidp.issuer, ASKED)), nanoidp.sign_in()["access_token"]
    assert site.get(token).status_code == 200
    nanoidp.post("/revoke", "shop", token=token)
    site.clock.now += 60
    assert refusal(site, token) == "active"


def test_a_rotated_key_is_found(nanoidp: NanoIdp) -> None:
    site, token = gate((nanoidp.issuer, JWT)), nanoidp.sign_in()["access_token"]
    assert site.get(token).status_code == 200
    nanoidp.rotate_keys()
    site.clock.now += 6
    assert site.get(nanoidp.sign_in()["access_token"]).status_code == 200
    assert site.get(token).status_code == 200, "its key is still published"
