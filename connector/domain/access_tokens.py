"""Access tokens that an OAuth 2 client is granted: which can be sent, and when one is renewed."""

from __future__ import annotations

import math
from typing import TypeGuard

MARGIN_SECONDS = 30.0  # before its end, an access token is renewed; a short-lived one at half its life
USUAL_LIFE_SECONDS = 300.0  # where the server does not say
LONGEST_LIFE_SECONDS = 86_400.0


def is_sendable(token: object, longest: int) -> TypeGuard[str]:
    """Whether a token can be sent in a header, and has at most `longest` characters."""
    if not isinstance(token, str) or not 0 < len(token) <= longest:
        return False
    return token.isascii() and token.isprintable() and " " not in token


def renewal_time(granted_at: float, expires_in: object) -> float:
    """Return from when on a token is renewed, by the clock of `granted_at`, in seconds."""
    life = _life(expires_in)
    return granted_at + life - min(MARGIN_SECONDS, life / 2)


def _life(value: object) -> float:
    """Read how many seconds a token lives; some servers write the number as a text."""
    try:
        seconds = float(str(value))
    except ValueError:
        return USUAL_LIFE_SECONDS
    return min(max(seconds, 0.0), LONGEST_LIFE_SECONDS) if math.isfinite(seconds) else USUAL_LIFE_SECONDS
