"""Logout tokens: an issuer's message that a person, or one of the person's sessions, has signed out (OpenID Connect
Back-Channel Logout 1.0).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jws import validate_compact

from connector.access.jwt import Algorithms, Token, parse
from connector.access.openid_client import OpenIdClient
from connector.access.refusals import LEEWAY, is_time, refused
from connector.domain.frozen import frozen

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE = 600  # seconds
TYPES = frozenset({"logout+jwt", "application/logout+jwt", "jwt", ""})


@frozen
class SignedOut:
    """The person or session that has signed out; at least one of the two is set."""

    subject: str | None
    issuer_session: str | None


def read_logout(text: str, client: OpenIdClient) -> SignedOut:
    """Return the person or session that a logout token names; raise `TokenRefused` or `KeysUnavailableError`."""
    token = parse(text)
    _check_claims(token.claims, client)  # first: the keys of an issuer that has not sent the token are not needed
    _check_signature(token, client)
    return SignedOut(_text(token.claims, "sub"), _text(token.claims, "sid"))


def _check_signature(token: Token, client: OpenIdClient) -> None:
    registry = Algorithms(client.settings.algorithms)
    kind = token.header.get("typ", "")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise refused("typ", kind, "it must be", sorted(TYPES))
    try:
        registry.check_header(dict(token.header))
        registry.get_alg(token.header["alg"])
        keys = client.keys.find(token.header.get("kid"))
        is_good = validate_compact(token.signature, keys, registry=registry)
    except JoseError as error:
        raise refused("signature", None, "a key of the issuer", []) from error
    if not is_good:
        raise refused("signature", None, "a key of the issuer", [])


def _check_claims(claims: Mapping[str, Any], client: OpenIdClient) -> None:
    audience = claims.get("aud")
    events = claims.get("events")
    audiences = audience if isinstance(audience, list) else [audience]
    checks = (
        ("iss", claims.get("iss") == client.settings.issuer),
        ("aud", client.client_id in audiences),
        ("iat", _is_recent(claims.get("iat"))),
        ("exp", "exp" not in claims or _is_ahead(claims["exp"])),
        ("events", isinstance(events, dict) and isinstance(events.get(EVENT), dict)),
        ("nonce", "nonce" not in claims),
        ("sub", bool(_text(claims, "sub") or _text(claims, "sid"))),
    )
    for name, is_right in checks:
        if not is_right:
            raise refused(name, claims.get(name), "it must be that of a logout token for", [client.client_id])


def _is_recent(at: object) -> bool:
    return is_time(at) and -MAX_AGE <= at - time.time() <= LEEWAY


def _is_ahead(at: object) -> bool:
    return is_time(at) and at > time.time() - LEEWAY


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None
