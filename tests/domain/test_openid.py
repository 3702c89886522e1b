"""The OpenID provider's clients: validation, their requests, and the answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.domain.openid.claims_request import ClaimsRequest, RequestedClaim, read_claims, without_values
from connector.domain.openid.clients import ClientConfig, check_client
from connector.domain.openid.groups import flat
from connector.domain.openid.keys import read_keys
from connector.domain.openid.profiles import result_claims
from connector.domain.urls import UrlPolicy
from connector.errors import InvalidField

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
NAMES = {"given_name", "family_name", "address.locality"}
CONFIG: dict[str, Any] = {
    "name": "Example",
    "profile": "ida",
    "provider_id": "p",
    "redirect_uris": ("https://app.example/cb",),
}
POINT = {"kty": "EC", "crv": "P-256", "x": "x" * 43, "y": "y" * 43}
MODULUS = {"kty": "RSA", "n": "n" * 342, "e": "AQAB"}
ASSERTED = {
    "verification": {
        "trust_framework": "https://idv.example",
        "time": "2026-01-30T00:00:00Z",
        "evidence": [{"type": "document"}],
    },
    "claims": {"given_name": "Ann", "address": {"locality": "Berlin"}},
}


def asked(verification: Any = None, **claims: Any) -> str:
    return json.dumps({"id_token": {"verified_claims": {"verification": verification, "claims": claims}}})


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\u0000"}, "name"),
        ({"profile": "saml"}, "profile"),
        ({"redirect_uris": ()}, "redirectUris"),
        ({"redirect_uris": ("http://app.example/cb",)}, "redirectUris"),
        ({"redirect_uris": ("https://app.example/cb#x",)}, "redirectUris"),
        ({"redirect_uris": ("https://a:b@app.example/cb",)}, "redirectUris"),
        ({"redirect_uris": ("com.example.app:/cb",)}, "redirectUris"),
        ({"redirect_uris": ("https://app.exämple/cb",)}, "redirectUris"),
        ({"redirect_uris": ("https://app.example/" + "x" * 2000,)}, "redirectUris"),
        ({"claims": ("shoe_size",)}, "claims"),
        ({"keys": ({"kty": "RSA", "n": "…", "e": "AQAB", "d": "…"},)}, "keys"),
        ({"keys": ({"kty": "oct", "k": "…"},)}, "keys"),
        ({"keys": ({"kty": "OKP", "crv": "Ed25519", "x": POINT["x"]},)}, "keys"),
        ({"keys": (POINT | {"crv": "P-521"},)}, "keys"),
        ({"keys": (POINT | {"y": "AAAA"},)}, "keys"),
        ({"keys": (POINT | {"y": 7},)}, "keys"),
        ({"keys": (POINT | {"y": "!" * 43},)}, "keys"),
        ({"keys": (MODULUS | {"n": MODULUS["n"][:200]},)}, "keys"),
        ({"keys": (MODULUS | {"n": MODULUS["n"] * 5},)}, "keys"),
        ({"keys": (MODULUS | {"e": None},)}, "keys"),
        ({"keys": (MODULUS | {"use": "enc"},)}, "keys"),
        ({"keys": (MODULUS | {"alg": "HS256"},)}, "keys"),
        ({"keys": (MODULUS | {"alg": "ES256"},)}, "keys"),
        ({"keys": (POINT | {"kid": 7},)}, "keys"),
        ({"keys": (POINT | {"kid": "a\ud800"},)}, "keys"),
        ({"keys": (POINT, MODULUS)}, "keys"),
        ({"keys": (POINT | {"kid": "a"}, MODULUS)}, "keys"),
        ({"keys": (POINT | {"kid": "a"}, MODULUS | {"kid": "a"})}, "keys"),
        ({"keys": tuple(POINT | {"kid": str(number)} for number in range(11))}, "keys"),
    ],
    ids=str,
)
def test_an_invalid_client_is_refused_with_its_field(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_client(ClientConfig(**CONFIG | changes), NAMES, UrlPolicy(None))
    assert refused.value.where == where


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "7", '{"keys": 7}', '{"keys": ["a"]}', "[" * 60_000])
def test_text_that_is_no_jwk_set_is_refused(text: str) -> None:
    with pytest.raises(InvalidField, match="keys: must be a JWK Set"):
        read_keys(text)


def test_a_jwk_set_is_read() -> None:
    assert read_keys(json.dumps({"keys": [POINT, MODULUS]}).encode()) == (POINT, MODULUS)


def test_a_valid_client_is_accepted() -> None:
    check_client(ClientConfig(**CONFIG | {"claims": ("given_name",)}), NAMES, UrlPolicy(None))
    for keys in ((POINT,), (MODULUS | {"alg": "PS256"},), (POINT | {"kid": "a", "use": "sig"}, MODULUS | {"kid": "b"})):
        check_client(ClientConfig(**CONFIG | {"keys": keys}), NAMES, UrlPolicy(None))


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", "[" * 100_000, '{"id_token": 7}'),
        '{"id_token": {"verified_claims": 7}}',
        '{"id_token": {"verified_claims": []}}',
        '{"id_token": {"verified_claims": [{}, {}]}}',
        '{"id_token": {"verified_claims": {"claims": []}}}',
        '{"id_token": {"verified_claims": {"verification": 7}}}',
        asked(given_name=7),
        asked(given_name={"value": 7}),
        asked(given_name={"value": "x" * 1001}),
        '{"a":' * 13 + "7" + "}" * 13,
        asked(given_name={"value": "\ud800"}),
        asked({"trust_framework": {"value": "\udfff"}}, given_name=None),
        asked({"\ud800": None}, given_name=None),
        asked({"time": {"max_age": float("nan")}}, given_name=None),
    ],
    ids=lambda text: text[:60],
)
def test_claims_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InvalidField, match=r"^claims: .*must"):
        read_claims(text)


def test_claims_are_read_from_the_id_token_or_userinfo_as_object_or_list() -> None:
    element = {"claims": {"given_name": None, "address": {"locality": {"value": "Berlin", "fuzzy": True}}}}
    expected = (RequestedClaim("given_name"), RequestedClaim("address.locality", "Berlin", is_fuzzy=True))
    for place in ({"id_token": {"verified_claims": element}}, {"userinfo": {"verified_claims": [element]}}):
        assert read_claims(json.dumps(place)).claims == expected
    assert read_claims("{}") == ClaimsRequest()
    assert read_claims('{"id_token": null, "userinfo": {}}') == ClaimsRequest()
    assert read_claims('{"id_token": {"verified_claims": {}}}') == ClaimsRequest()
    assert read_claims(asked(address={"essential": True})).claims == (RequestedClaim("address"),)
    assert read_claims(asked(address=None)).claims == (RequestedClaim("address"),)


def test_values_are_left_out_of_a_stored_request() -> None:
    request = read_claims(asked({"trust_framework": {"value": "x"}}, given_name={"value": "Ann", "fuzzy": True}))
    assert request.values == {"given_name": "Ann"}
    kept = without_values(request)
    assert "Ann" not in kept
    assert read_claims(kept) == ClaimsRequest((RequestedClaim("given_name", is_fuzzy=True),), request.verification)
    assert request.of({"family_name"}).claims == ()


def test_okta_gets_an_answer_for_every_requested_claim() -> None:
    request = read_claims(asked(given_name={"fuzzy": True}, family_name={"fuzzy": True}, address={"locality": None}))
    [failed] = result_claims("okta", request, ASSERTED, NOW, "run")["verified_claims"]
    assert failed["verification"] == {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": "FAILED",
        "time": "2026-01-30T00:00:00Z",
        "verification_process": "run",
    }
    assert failed["claims"] == {
        "given_name": {"value": "Ann", "fuzzy": True},
        "family_name": {"value": None, "fuzzy": True},
        "address": {"locality": "Berlin"},
    }
    [verified] = result_claims("okta", read_claims(asked(given_name=None)), ASSERTED, NOW, None)["verified_claims"]
    assert verified["verification"]["assurance_level"] == "VERIFIED"
    [nothing] = result_claims("okta", read_claims(asked(given_name=None)), None, NOW, None)["verified_claims"]
    assert nothing["verification"] == {
        "trust_framework": "IDV-DELEGATED",
        "assurance_level": "FAILED",
        "time": "2026-01-31T09:30:00Z",
    }


@pytest.mark.parametrize(
    ("verification", "members"),
    [
        ({}, ("trust_framework",)),
        ({"trust_framework": None, "time": None}, ("trust_framework", "time")),
        ({"trust_framework": {"value": "https://idv.example"}, "evidence": None}, ("trust_framework", "evidence")),
        ({"trust_framework": {"values": ["a", "https://idv.example"]}}, ("trust_framework",)),
        ({"time": {"max_age": 7}}, ("trust_framework", "time")),
        ({"trust_framework": {"value": "eidas"}}, None),
        ({"trust_framework": {"values": ["eidas"]}}, None),
        ({"assurance_level": {"value": "high"}}, None),
    ],
    ids=str,
)
def test_identity_assurance_returns_requested_claims_that_meet_their_constraints(
    verification: dict[str, Any], members: tuple[str, ...] | None
) -> None:
    request = read_claims(asked(verification, given_name=None, family_name=None))
    answer = result_claims("ida", request, ASSERTED, NOW, "run")
    if members is None:
        assert answer == {}
    else:
        assert answer["verified_claims"]["claims"] == {"given_name": "Ann"}
        assert sorted(answer["verified_claims"]["verification"]) == sorted(members)


def test_identity_assurance_returns_nothing_if_nothing_is_verified() -> None:
    assert result_claims("ida", read_claims(asked(given_name=None)), None, NOW, "run") == {}
    assert result_claims("ida", read_claims(asked(family_name=None)), ASSERTED, NOW, "run") == {}
    assert flat({"a": {"b": 1}, "c": 2}) == {"a.b": 1, "c": 2}
