"""Profiles: the usual token format of well-known products, as settings of an issuer.

An issuer's own settings take precedence over its profile's. Profiles with the remark "not checked" are based on general
knowledge of the product, not on a running one: compare them with one of your tokens (`connector token check`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

MARKED = ("at+jwt", "application/at+jwt")
NO_TYPE = "none"  # for a token without the header `typ`

PROFILES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "wso2": {"token_types": (*MARKED, "JWT")},
        # Every token of Keycloak has its type in the claim `typ`. Roles may be mapped to scopes.
        "keycloak": {"token_types": (*MARKED, "JWT"), "scope_claim": ("scope", "realm_access.roles")},
        # Not checked. `sub` is the login name, which may change; `uid` is the id. Only access tokens have `cid`.
        "okta": {
            "token_types": (*MARKED, "JWT", NO_TYPE),
            "scope_claim": ("scp",),
            "subject_claim": "uid",
            "access_token_claims": ("cid",),
        },
        # Not checked. `sub` differs by application; `oid` is the id. ID tokens have roles as well, but no `azp`.
        "entra": {
            "token_types": (*MARKED, "JWT"),
            "scope_claim": ("scp", "roles"),
            "subject_claim": "oid",
            "access_token_claims": ("azp", "appid"),
        },
        # Not checked. Tokens have `permissions` if the API is configured to add them (role-based access control).
        "auth0": {"token_types": (*MARKED, "JWT"), "scope_claim": ("scope", "permissions")},
        # Not checked. Access tokens have no scopes; the roles of a project are the keys of an object.
        "zitadel": {"token_types": (*MARKED, "JWT"), "scope_claim": ("urn:zitadel:iam:org:project:roles",)},
        # Not checked. Access tokens have neither `typ` nor `aud`; scopes have the resource server's prefix.
        "cognito": {
            "token_types": (*MARKED, "JWT", NO_TYPE),
            "audience_claim": "client_id",
            "scope_claim": ("scope", "cognito:groups"),
        },
    }
)
