"""Tokens of every product that has a profile, and of some that need none: accepted, or refused for their type."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from structlog.testing import capture_logs

from connector.settings import Issuer, load
from connector.settings.profiles import PROFILES
from tests.access.shapes import ACCESS_TOKENS, AUDIENCE, ID_TOKENS, LEFT_OUT, SCOPE, Shape
from tests.api.test_auth import AuthIssuer, Site, b64, encode

OF_PROFILES = {shape.settings["profile"]: shape for shape in reversed(ACCESS_TOKENS) if "profile" in shape.settings}
DEFAULTS = dict.fromkeys(("aud", "sub", "client_id", "jti", "scope"), LEFT_OUT)

each_profile = pytest.mark.parametrize("shape", OF_PROFILES.values(), ids=OF_PROFILES)


@pytest.fixture(scope="module")
def issuer() -> Iterator[AuthIssuer]:
    running = AuthIssuer()
    yield running
    running.close()


def read(issuer: AuthIssuer, **settings: Any) -> Issuer:
    """Read the settings of an issuer as the connector does."""
    table = {"issuer": issuer.identifier, "audience": AUDIENCE} | settings
    return load(None, {"CONNECTOR_ISSUERS": json.dumps([table])}).issuers[0]


def mint(issuer: AuthIssuer, shape: Shape, header: dict[str, Any] | None = None, **changes: Any) -> str:
    return issuer.mint(header={"typ": LEFT_OUT} | shape.header | (header or {}), **DEFAULTS | shape.claims | changes)


def refusal(site: Site, token: str, status: int = 401) -> str:
    """Return the check for which a token is refused."""
    with capture_logs() as logs:
        assert site.get(token).status_code == status
    [line] = [entry for entry in logs if entry["event"] == "access.refused"]
    return str(line["check"])


@pytest.mark.parametrize("shape", ACCESS_TOKENS, ids=[shape.name for shape in ACCESS_TOKENS])
def test_an_access_token_is_accepted(shape: Shape, issuer: AuthIssuer) -> None:
    answer = Site(read(issuer, **shape.settings)).get(mint(issuer, shape))
    assert answer.status_code == 200, answer.text
    assert (answer.get_json()["subject"], answer.get_json()["client_id"]) == (shape.subject, shape.client)
    assert SCOPE in answer.get_json()["scopes"]


@pytest.mark.parametrize("shape", ID_TOKENS, ids=[shape.name for shape in ID_TOKENS])
def test_an_id_token_is_refused_as_access_token(shape: Shape, issuer: AuthIssuer) -> None:
    assert refusal(Site(read(issuer, **shape.settings)), mint(issuer, shape)) == "use"


def test_every_profile_has_an_example_access_token_and_id_token() -> None:
    assert set(OF_PROFILES) == set(PROFILES)
    assert {shape.settings.get("profile") for shape in ID_TOKENS} >= set(PROFILES)


@each_profile
class TestForged:
    def test_an_unsigned_token_is_refused(self, shape: Shape, issuer: AuthIssuer) -> None:
        header, claims, _ = mint(issuer, shape).split(".")
        site = Site(read(issuer, **shape.settings))
        assert refusal(site, f"{encode({'alg': 'none'} | shape.header)}.{claims}.") == "alg"
        assert refusal(site, f"{header}.{claims}.") == "signature"

    def test_a_token_signed_with_the_public_key_as_shared_secret_is_refused(
        self, shape: Shape, issuer: AuthIssuer
    ) -> None:
        key = RSAKey.import_key(RSA.as_dict(private=True))
        claims = mint(issuer, shape).split(".")[1]
        signed = f"{encode({'alg': 'HS256', 'kid': 'rsa'} | shape.header)}.{claims}"
        mac = hmac.new(key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
        assert refusal(Site(read(issuer, **shape.settings)), f"{signed}.{b64(mac)}") == "alg"

    def test_an_expired_token_is_refused(self, shape: Shape, issuer: AuthIssuer) -> None:
        assert refusal(Site(read(issuer, **shape.settings)), mint(issuer, shape, exp=time.time() - 60.5)) == "exp"

    def test_a_token_for_another_audience_is_refused(self, shape: Shape, issuer: AuthIssuer) -> None:
        settings = shape.settings | {"audience": ["another", "a third"]}
        assert refusal(Site(read(issuer, **settings)), mint(issuer, shape)) in ("aud", "client_id")

    def test_a_token_of_another_tenant_is_refused(self, shape: Shape, issuer: AuthIssuer) -> None:
        settings = shape.settings | {"tenant": "blue"}
        assert refusal(Site(read(issuer, **settings)), mint(issuer, shape), 403) == "tenant"

    def test_a_token_without_the_required_scope_is_refused(self, shape: Shape, issuer: AuthIssuer) -> None:
        site = Site(read(issuer, **shape.settings | {"scope_claim": "elsewhere"}))
        assert refusal(site, mint(issuer, shape), 403) == "scope"


RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
PLAIN = Shape("plain", {"typ": "at+jwt"}, {"sub": "ann", "aud": AUDIENCE, "client_id": "shop"})


def scopes(issuer: AuthIssuer, settings: dict[str, Any], **claims: Any) -> set[str]:
    """Return the scopes that the connector reads from a token, besides the scope that the view requires."""
    settings = settings | {"scope_claim": [*as_list(settings.get("scope_claim", "scope")), "always"]}
    answer = Site(read(issuer, **settings)).get(mint(issuer, PLAIN, always=SCOPE, **claims))
    assert answer.status_code == 200, answer.text
    return set(answer.get_json()["scopes"]) - {SCOPE}


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


class TestScopes:
    @pytest.mark.parametrize(
        ("path", "claims", "expected"),
        [
            ("scp", {"scp": "a b"}, {"a", "b"}),
            ("scp", {"scp": ["a", "b", 7, None, ["c"], {"d": 1}]}, {"a", "b"}),
            ("roles", {"roles": {"a": {}, "b": {"1": "x"}, "c": False, "d": None, "e": True}}, {"a", "b", "e"}),
            ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, {"a"}),
            ("realm_access.roles", {"realm_access.roles": ["a"]}, {"a"}),
            ("https://acme.example.com/roles", {"https://acme.example.com/roles": ["a"]}, {"a"}),
            ("https://acme.example.com/app.roles", {"https://acme.example.com/app": {"roles": ["a"]}}, {"a"}),
            ("resource_access.my.client.roles", {"resource_access": {"my.client": {"roles": "a"}}}, {"a"}),
            (["scp", "roles"], {"scp": "a", "roles": ["b"]}, {"a", "b"}),
            ("realm_access.roles", {"realm_access": {"roles": 7}}, set()),
            ("realm_access.roles", {"realm_access": [{"roles": ["a"]}]}, set()),
            ("realm_access.roles", {"realm_access": "roles"}, set()),
            ("realm_access.roles", {}, set()),
            ("a.b.c.d.e", {"a": {"b": {"c": {"d": {"e": "x"}}}}}, {"x"}),
            ("scp", {"scp": True}, set()),
            ("scp", {"scp": 1e300}, set()),
        ],
    )
    def test_scopes_are_read_from_the_configured_claims(
        self, path: Any, claims: dict[str, Any], expected: set[str], issuer: AuthIssuer
    ) -> None:
        assert scopes(issuer, {"scope_claim": path}, **claims) == expected

    def test_an_issuers_scope_names_are_mapped_and_unmapped_ones_kept(self, issuer: AuthIssuer) -> None:
        settings = {
            "scope_map": {"admin": ["internal_idvp_add", "internal_idvp_delete"], "user": "internal_login", "no": []}
        }
        assert scopes(issuer, settings, scope="admin user no other") == {
            "internal_idvp_add",
            "internal_idvp_delete",
            "internal_login",
            "other",
        }

    @pytest.mark.parametrize("scope", ["", " ", "  a", [], None])
    def test_an_empty_string_between_spaces_is_not_a_scope(self, scope: Any, issuer: AuthIssuer) -> None:
        settings = {"scope_map": {"": "internal_login", "a": "internal_idvp_add"}}
        assert "internal_login" not in scopes(issuer, settings, scope=scope)

    def test_a_mapped_scope_can_be_withheld(self, issuer: AuthIssuer) -> None:
        site = Site(read(issuer, scope_map={SCOPE: []}))
        assert refusal(site, mint(issuer, PLAIN, scope=SCOPE), 403) == "scope"


class TestSubjects:
    @pytest.mark.parametrize(
        ("claims", "subject"),
        [
            ({"uid": "u-1"}, "u-1"),
            ({"uid": "u-1", "sub": "shop"}, "u-1"),
            ({"sub": "shop"}, "shop"),  # the client's own token
        ],
    )
    def test_the_configured_claim_identifies_the_user(
        self, claims: dict[str, Any], subject: str, issuer: AuthIssuer
    ) -> None:
        site = Site(read(issuer, subject_claim="uid"))
        assert site.get(mint(issuer, PLAIN, scope=SCOPE, **claims)).get_json()["subject"] == subject

    @pytest.mark.parametrize(
        "claims", [{}, {"uid": None}, {"uid": 7}, {"uid": ["u-1"]}, {"uid": {"id": "u-1"}}, {"uid": ""}]
    )
    def test_a_token_without_the_configured_user_claim_is_refused_despite_its_sub(
        self, claims: dict[str, Any], issuer: AuthIssuer
    ) -> None:
        site = Site(read(issuer, subject_claim="uid"))
        assert refusal(site, mint(issuer, PLAIN, scope=SCOPE, **claims)) == "uid"

    def test_a_token_with_neither_user_claim_is_refused(self, issuer: AuthIssuer) -> None:
        site = Site(read(issuer, subject_claim="uid"))
        assert refusal(site, mint(issuer, PLAIN, scope=SCOPE, sub=LEFT_OUT, client_id=LEFT_OUT)) == "uid"


class TestAudiences:
    @pytest.mark.parametrize("audience", ["a", "b", ["b"], ["c", "a"]])
    def test_one_matching_audience_of_several_is_sufficient(self, audience: Any, issuer: AuthIssuer) -> None:
        site = Site(read(issuer, audience=["a", "b"]))
        assert site.get(mint(issuer, PLAIN, scope=SCOPE, aud=audience)).status_code == 200

    @pytest.mark.parametrize("audience", ["c", [], ["c"], {"a": 1}, [["a"]], ["a", 1], 7, None, "", LEFT_OUT, "a b"])
    def test_a_token_with_only_other_audiences_is_refused(self, audience: Any, issuer: AuthIssuer) -> None:
        assert refusal(Site(read(issuer, audience=["a", "b"])), mint(issuer, PLAIN, scope=SCOPE, aud=audience)) == "aud"

    @pytest.mark.parametrize("client", ["other", 7, None, ["other"], {"shop": 1}, LEFT_OUT])
    def test_a_configured_audience_claim_is_checked_as_strictly_as_aud(self, client: Any, issuer: AuthIssuer) -> None:
        site = Site(read(issuer, audience="shop", audience_claim="client_id"))
        assert site.get(mint(issuer, PLAIN, scope=SCOPE, aud=LEFT_OUT)).status_code == 200
        assert refusal(site, mint(issuer, PLAIN, scope=SCOPE, aud="shop", client_id=client)) == "client_id"


class TestTypes:
    def test_a_token_without_a_type_is_accepted_only_if_configured(self, issuer: AuthIssuer) -> None:
        site = Site(read(issuer, token_types=["None"]))
        assert site.get(mint(issuer, PLAIN, {"typ": LEFT_OUT}, scope=SCOPE)).status_code == 200
        for typ in ("none", "", "at+jwt", "JWT"):
            assert refusal(site, mint(issuer, PLAIN, {"typ": typ}, scope=SCOPE)) == "typ"

    def test_an_unlisted_token_type_is_refused_by_default(self, issuer: AuthIssuer) -> None:
        assert refusal(Site(read(issuer)), mint(issuer, PLAIN, {"typ": LEFT_OUT}, scope=SCOPE)) == "typ"


class TestProfiles:
    def test_explicit_settings_override_the_profile(self, issuer: AuthIssuer) -> None:
        settings = read(issuer, profile="Okta", subject_claim="sub", token_types=["at+jwt"])
        assert (settings.subject_claim, settings.token_types, settings.scope_claims) == ("sub", ("at+jwt",), ("scp",))

    def test_explicit_settings_equal_to_the_defaults_override_the_profile_too(self, issuer: AuthIssuer) -> None:
        assert read(issuer, profile="entra", scope_claim="scope", access_token_claims=[]).scope_claims == ("scope",)


class TestHostileClaims:
    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": {"a": [[[[]]]]}},
            {"token_use": ["id"], "typ": {"id": 1}, "scope": SCOPE},
            {"realm_access": {"roles": [{"roles": [[]]}] * 500}},
            {"realm_access": {"roles": {str(number): number for number in range(500)}}},
            {"realm_access": {"roles": 10**400}},
            {"azp": 7, "client_id": {}, "cid": [], "appid": None},
            {"exp": 10**400},
            {"exp": -(10**400)},
            {"iat": 10**400},
            {"iat": -(10**400)},
            {"nbf": 10**400},
            {"exp": float("nan")},
            {"nbf": float("inf")},
            {"auth_time": 10**400, "updated_at": -(10**400)},
            {"iss": LEFT_OUT},
            {"\ud800": "\ud800"},
            {"realm_access": "x" * 20_000},
        ],
    )
    def test_a_hostile_claim_never_crashes_the_gate(self, claims: dict[str, Any], issuer: AuthIssuer) -> None:
        site = Site(read(issuer, profile="keycloak"))
        assert site.get(mint(issuer, PLAIN, **claims)).status_code in (200, 401, 403)

    def test_deeply_nested_claims_are_followed_only_along_the_configured_path(self, issuer: AuthIssuer) -> None:
        deep: Any = SCOPE
        for _ in range(500):
            deep = {"a": deep}
        site = Site(read(issuer, scope_claim="a.a.a"))
        assert site.get(mint(issuer, PLAIN, a=deep["a"])).status_code == 403
