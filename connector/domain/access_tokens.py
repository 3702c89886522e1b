"""Access tokens that an OAuth 2 client receives: their allowed form, their lifetime, and the time of their renewal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import TypeGuard

from connector.domain.frozen import frozen

MARGIN_SECONDS = 30.0  # an access token is renewed this long before it expires; a short-lived one at half its lifetime
USUAL_LIFE_SECONDS = 300.0  # used if the server sends no lifetime
LONGEST_LIFE_SECONDS = 86_400.0
LONGEST_OWN = 16 * 1024  # characters; larger headers are refused by most servers


@frozen
class OwnToken:
    """The access token of a person who has signed in, with its lifetime; without a text it cannot be used."""

    text: str = field(default="", repr=False)
    seconds: float = 0.0


def own_token(answer: Mapping[str, object]) -> OwnToken:
    """Read the access token in the answer to a sign-in; only one that a bearer can send is usable."""
    token, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    if str(kind).lower() != "bearer" or not is_sendable(token, LONGEST_OWN):
        return OwnToken()
    return OwnToken(token, _life(answer.get("expires_in")))


def is_sendable(token: object, longest: int) -> TypeGuard[str]:
    """Whether a token can be sent in a header, and has at most `longest` characters."""
    if not isinstance(token, str) or not 0 < len(token) <= longest:
        return False
    return token.isascii() and token.isprintable() and " " not in token


def renewal_time(granted_at: float, expires_in: object) -> float:
    """Return the time from which a token is renewed, in seconds of the clock of `granted_at`."""
    life = _life(expires_in)
    return granted_at + life - min(MARGIN_SECONDS, life / 2)


def _life(value: object) -> float:
    """Read a token's lifetime in seconds; some servers send the number as a text."""
    try:
        seconds = float(str(value))
    except ValueError:
        return USUAL_LIFE_SECONDS
    return min(max(seconds, 0.0), LONGEST_LIFE_SECONDS) if math.isfinite(seconds) else USUAL_LIFE_SECONDS
