"""Tokens as well-known products issue them, written by hand: header, claims, and how the connector reads them.

Shapes of WSO2, Keycloak, node-oidc-provider, NanoIDP and glewlwyd were observed; the others are based on
general knowledge.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

AUDIENCE = "connector"
SCOPE = "internal_idvp_view"
LEFT_OUT: Any = ...


@dataclass(frozen=True)
class Shape:
    """A token: `header` and `claims` beside `alg`, `kid`, `iss` and times; `settings` beside the issuer's name."""

    name: str
    header: dict[str, Any]
    claims: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    subject: str = "ann"
    client: str = "shop"


def _shape(name: str, typ: str | None, claims: dict[str, Any], **options: Any) -> Shape:
    return Shape(name, {} if typ is None else {"typ": typ}, claims, **options)


def _profile(name: str, **settings: Any) -> dict[str, Any]:
    return {"profile": name, "audience": AUDIENCE} | settings


_RFC9068 = {"sub": "ann", "aud": AUDIENCE, "client_id": "shop", "jti": "1", "scope": f"openid {SCOPE}"}
_WSO2 = _RFC9068 | {"aut": "APPLICATION_USER", "azp": "shop", "nbf": 1, "org_id": "10084a8d", "org_name": "Super"}
_KEYCLOAK = {
    "jti": "onrtac:1",
    "aud": [AUDIENCE, "account"],
    "sub": "ann",
    "typ": "Bearer",
    "azp": "shop",
    "sid": "2",
    "acr": "1",
    "allowed-origins": ["https://shop.example.com"],
    "realm_access": {"roles": ["default-roles-shop", SCOPE]},
    "resource_access": {"account": {"roles": ["manage-account"]}},
    "scope": "openid email profile",
    "email_verified": True,
    "preferred_username": "ann@example.com",
}
_OKTA = {
    "ver": 1,
    "jti": "AT.1",
    "aud": AUDIENCE,
    "cid": "shop",
    "uid": "ann",
    "scp": ["openid", SCOPE],
    "auth_time": 1,
    "sub": "ann@example.com",
}
_ENTRA = {
    "aud": AUDIENCE,
    "aio": "AUQAu/8",
    "azp": "shop",
    "azpacr": "1",
    "name": "Ann",
    "oid": "ann",
    "preferred_username": "ann@example.com",
    "rh": "0.A",
    "scp": SCOPE,
    "sub": "pairwise-1",
    "tid": "9f0a",
    "uti": "3",
    "ver": "2.0",
    "nbf": 1,
}
_AUTH0 = {"sub": "auth0|ann", "aud": [AUDIENCE, "https://acme.auth0.com/userinfo"], "azp": "shop", "scope": "openid"}
_ZITADEL = {
    "sub": "ann",
    "aud": ["shop", "2811", AUDIENCE],
    "client_id": "shop",
    "jti": "V1-1",
    "nbf": 1,
    "urn:zitadel:iam:org:project:roles": {SCOPE: {"2810": "acme.zitadel.cloud"}},
}
_COGNITO = {
    "sub": "ann",
    "client_id": "shop",
    "token_use": "access",
    "scope": f"aws.cognito.signin.user.admin {SCOPE}",
    "auth_time": 1,
    "origin_jti": "4",
    "jti": "5",
    "event_id": "6",
    "version": 2,
    "username": "ann@example.com",
}
_JWT = {"audience": AUDIENCE, "token_types": ["at+jwt", "JWT"]}

ACCESS_TOKENS = [
    _shape("wso2", "at+jwt", _WSO2, settings=_profile("wso2")),
    _shape(
        "wso2 client",
        "at+jwt",
        _WSO2 | {"aut": "APPLICATION", "sub": "shop"},
        settings=_profile("wso2"),
        subject="shop",
    ),
    _shape("wso2 older", "JWT", _WSO2 | {"exp": time.time() + 3600.5, "iat": time.time()}, settings=_profile("wso2")),
    _shape("keycloak", "JWT", _KEYCLOAK, settings=_profile("keycloak")),
    _shape("keycloak rfc 9068", "at+jwt", _KEYCLOAK, settings=_profile("keycloak")),
    _shape("keycloak with nonce", "JWT", _KEYCLOAK | {"nonce": "n"}, settings=_profile("keycloak")),
    _shape(
        "keycloak scopes", "JWT", _KEYCLOAK | {"realm_access": LEFT_OUT, "scope": SCOPE}, settings=_profile("keycloak")
    ),
    _shape(
        "keycloak client role",
        "JWT",
        _KEYCLOAK | {"realm_access": {"roles": []}, "resource_access": {AUDIENCE: {"roles": [SCOPE]}}},
        settings=_profile("keycloak", scope_claim=f"resource_access.{AUDIENCE}.roles"),
    ),
    _shape(
        "keycloak login",
        "JWT",
        _KEYCLOAK,
        settings=_profile("keycloak", subject_claim="preferred_username"),
        subject="ann@example.com",
    ),
    _shape("okta", None, _OKTA, settings=_profile("okta")),
    _shape("okta client", None, _OKTA | {"uid": LEFT_OUT, "sub": "shop"}, settings=_profile("okta"), subject="shop"),
    _shape("entra", "JWT", _ENTRA, settings=_profile("entra")),
    _shape("entra roles", "JWT", _ENTRA | {"scp": "openid", "roles": [SCOPE]}, settings=_profile("entra")),
    _shape(
        "entra application",
        "JWT",
        _ENTRA | {"scp": LEFT_OUT, "roles": [SCOPE], "oid": "app-1", "sub": "app-1", "idtyp": "app"},
        settings=_profile("entra"),
        subject="app-1",
    ),
    _shape("entra v1", "JWT", _ENTRA | {"azp": LEFT_OUT, "appid": "shop", "ver": "1.0"}, settings=_profile("entra")),
    _shape("auth0", "JWT", _AUTH0 | {"scope": f"openid {SCOPE}"}, settings=_profile("auth0"), subject="auth0|ann"),
    _shape(
        "auth0 permissions", "JWT", _AUTH0 | {"permissions": [SCOPE]}, settings=_profile("auth0"), subject="auth0|ann"
    ),
    _shape(
        "auth0 rfc 9068",
        "at+jwt",
        _AUTH0 | {"azp": LEFT_OUT, "client_id": "shop", "jti": "7", "scope": SCOPE},
        settings=_profile("auth0"),
        subject="auth0|ann",
    ),
    _shape("zitadel", "JWT", _ZITADEL, settings=_profile("zitadel")),
    _shape("cognito", None, _COGNITO, settings=_profile("cognito", audience="shop")),
    _shape(
        "cognito groups", None, _COGNITO | {"cognito:groups": [SCOPE]}, settings=_profile("cognito", audience="shop")
    ),
    _shape(
        "cognito resource server",
        None,
        _COGNITO | {"scope": f"idv/{SCOPE}"},
        settings=_profile("cognito", audience="shop", scope_map={f"idv/{SCOPE}": SCOPE}),
    ),
    _shape("oidc-provider", "at+jwt", _RFC9068, settings={"audience": AUDIENCE}),
    _shape("glewlwyd", "at+jwt", _RFC9068 | {"type": "access_token"}, settings={"audience": AUDIENCE}),
    _shape("nanoidp", "JWT", _RFC9068 | {"token_use": "access", "roles": ["USER"], "tenant": "default"}, settings=_JWT),
    _shape(
        "authentik", "JWT", _RFC9068 | {"uid": "8", "acr": "goauthentik.io/providers/oauth2/default"}, settings=_JWT
    ),
    _shape("pingone", "JWT", _RFC9068 | {"aud": [AUDIENCE], "env": "9", "org": "10", "p1.rid": "11"}, settings=_JWT),
    _shape(
        "pingfederate",
        None,
        _RFC9068 | {"scope": ["openid", SCOPE]},
        settings={"audience": AUDIENCE, "token_types": ["none"]},
    ),
]

_ID_CLAIMS = {"sub": "ann", "aud": AUDIENCE, "auth_time": 1, "amr": ["pwd"], "sid": "1"}

ID_TOKENS = [
    _shape("wso2", "JWT", _ID_CLAIMS | {"azp": "shop", "at_hash": "a", "c_hash": "c"}, settings=_profile("wso2")),
    _shape("wso2 without hashes", "JWT", _ID_CLAIMS | {"azp": "shop", "nonce": "n"}, settings=_profile("wso2")),
    _shape("keycloak", "JWT", _KEYCLOAK | {"typ": "ID", "aud": AUDIENCE}, settings=_profile("keycloak")),
    _shape("keycloak refresh token", "JWT", _KEYCLOAK | {"typ": "Refresh"}, settings=_profile("keycloak")),
    _shape("keycloak logout token", "JWT", _KEYCLOAK | {"typ": "Logout"}, settings=_profile("keycloak")),
    _shape(
        "okta",
        None,
        _OKTA | {"cid": LEFT_OUT, "uid": LEFT_OUT, "nonce": "n", "at_hash": "a"},
        settings=_profile("okta"),
    ),
    _shape("okta without nonce", None, _OKTA | {"cid": LEFT_OUT}, settings=_profile("okta")),
    _shape("entra", "JWT", _ENTRA | {"azp": LEFT_OUT, "roles": [SCOPE], "nonce": "n"}, settings=_profile("entra")),
    _shape("entra without nonce", "JWT", _ENTRA | {"azp": LEFT_OUT, "roles": [SCOPE]}, settings=_profile("entra")),
    _shape("auth0", "JWT", _ID_CLAIMS | {"nonce": "n", "permissions": [SCOPE]}, settings=_profile("auth0")),
    _shape("zitadel", "JWT", _ZITADEL | {"azp": "shop", "at_hash": "a"}, settings=_profile("zitadel")),
    _shape(
        "cognito",
        None,
        _COGNITO | {"token_use": "id", "aud": "shop", "cognito:groups": [SCOPE]},
        settings=_profile("cognito", audience="shop"),
    ),
    _shape("any, by c_hash", "at+jwt", _RFC9068 | {"c_hash": "c"}, settings={"audience": AUDIENCE}),
    _shape("any, by token_use", "at+jwt", _RFC9068 | {"token_use": "ID"}, settings={"audience": AUDIENCE}),
    _shape("any, by nonce", "JWT", _RFC9068 | {"nonce": None}, settings=_JWT),
    _shape("any, by nonce without a type", None, _RFC9068 | {"nonce": ""}, settings=_JWT | {"token_types": ["none"]}),
]
