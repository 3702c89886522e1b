"""The use for which a token was issued: ID tokens, refresh tokens and logout tokens are not access tokens.

An issuer signs all of them with the same keys, and an ID token names the same user, often the same audience and the
same roles. It states to an application who has signed in; it does not authorize calls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connector.access.refusals import TokenRefused, shown

MARKED_TYPES = ("at+jwt", "application/at+jwt")  # the header `typ` of an access token (RFC 9068)
MARKED_USES = ("bearer",)  # Keycloak's claim `typ` of an access token
OF_ID_TOKENS = ("at_hash", "c_hash")
OTHER_USES = frozenset(
    {"id", "id_token", "id+jwt", "refresh", "refresh_token", "offline", "logout", "logout_token", "userinfo"}
)
ACCESS_TOKEN_TYPES = frozenset({"bearer", "access_token", "jwt", "at+jwt"})  # values of introspection answers


def check_use(claims: Mapping[str, Any], header: Mapping[str, Any], access_token_claims: Collection[str] = ()) -> None:
    """Raise `TokenRefused` if a token is not an access token.

    A `nonce` indicates an ID token, unless the token is marked as an access token: some issuers copy it to those.
    """
    for name in OF_ID_TOKENS:
        if name in claims:
            raise _no_access_token(f"it has {name}", f"no {name}")
    for name in ("token_use", "typ"):
        if _lower(claims.get(name)) in OTHER_USES:
            raise _no_access_token(f"its claim {name} is {claims[name]}", f"another {name}")
    if "nonce" in claims and not is_marked(claims, header):
        raise _no_access_token("it has a nonce, and nothing marks it as an access token", "no nonce, or typ at+jwt")
    if access_token_claims and all(claims.get(name) is None for name in access_token_claims):
        names = " or ".join(access_token_claims)
        raise _no_access_token(f"it has no {names}, as the access_token_claims of this issuer require", names)


def check_introspected(claims: Mapping[str, Any]) -> None:
    """Raise `TokenRefused` if an introspection answer describes a refresh token, or a token that is bound to a key."""
    kind = claims.get("token_type")
    if kind is not None and _lower(kind) not in ACCESS_TOKEN_TYPES:
        raise _no_access_token(f"its token_type is {shown(kind)}", "Bearer")


def is_marked(claims: Mapping[str, Any], header: Mapping[str, Any]) -> bool:
    """Whether a token is marked as an access token."""
    return _lower(header.get("typ")) in MARKED_TYPES or _lower(claims.get("typ")) in MARKED_USES


def _lower(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""


def _no_access_token(reason: str, expected: str) -> TokenRefused:
    description = "The token is for another use: it is not an access token."
    return TokenRefused("use", description, f"it is not an access token: {reason}", expected=expected, actual=reason)
