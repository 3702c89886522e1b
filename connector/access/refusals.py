"""Reasons for refusing a token: one sentence for the caller, details for the operator.

The caller learns only which check failed; the expected value and the token's value are for the log and for `connector
token check`. No character of an opaque token is written, because it is a secret.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeGuard

from connector.domain.utc import timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LEEWAY = 30  # tolerated difference of clocks, in seconds
MAX_SHOWN = 120  # characters of a token's value in a log line
ENCRYPTED_PARTS = 5  # parts of a JWE; a signed JWT has three
LARGEST_TIME = 2**53  # seconds; floats are exact up to this value
TIMES = ("exp", "iat", "nbf")  # claims that contain a time
SEE_LOG = "The log has the expected value under this traceId."
_ADVICE = {  # for the caller, by the failed check
    "form": "Send an access token in the format that the connector's settings name for its issuer.",
    "exp": "Request another one.",
    "tenant": "Use the path of the token's own tenant.",
    "scope": "Request a token with this scope.",
}


class TokenRefused(Exception):  # noqa: N818  it is a refusal, not a defect
    """A refused token: the failed `check`, and the reason, in words for the caller and for the operator."""

    def __init__(self, check: str, description: str, reason: str, *, expected: str, actual: str) -> None:
        super().__init__(description)
        self.check = check
        self.description = description
        self.reason = reason
        self.expected = expected
        self.actual = actual

    @property
    def advice(self) -> str:
        """What the caller can do."""
        return _ADVICE.get(self.check, SEE_LOG)


def no_jwt(text: str) -> TokenRefused:
    """Describe a token that is not a signed JWT only by its format, because an opaque token is a secret."""
    parts = text.count(".") + 1
    actual = {1: "an opaque token", ENCRYPTED_PARTS: "an encrypted JWT"}.get(parts, "not a readable JWT")
    advice = "have the issuer issue signed JWT access tokens (RFC 9068), or set token_format to opaque for it"
    return TokenRefused(
        "form", "The token is not a signed JWT.", f"it is {actual}; {advice}", expected="a signed JWT", actual=actual
    )


def refused(
    check: str, value: object, rule: str, allowed: Iterable[str], description: str | None = None
) -> TokenRefused:
    """Describe a value that is not among the allowed ones; `rule` introduces their list."""
    actual, expected = shown(value), ", ".join(allowed)
    return TokenRefused(
        check,
        description or f"The token is not accepted: its {check} is refused.",
        f"{check} is {actual}; {rule} {expected}",
        expected=expected,
        actual=actual,
    )


def bad_signature(kid: object, why: str) -> TokenRefused:
    """Describe a signature that does not match."""
    return TokenRefused(
        "signature",
        "The token is not accepted: its signature is wrong.",
        f"signature does not match the issuer's key {shown(kid)}; {why}",
        expected=f"made with the issuer's key {shown(kid)}",
        actual=why,
    )


def time_refused(name: str, value: float) -> TokenRefused | None:
    """Describe a token that has expired, or is not valid yet because clocks differ; None if it is valid.

    `value` is the claim's, in seconds since 1970.
    """
    if name == "exp":
        return _expired(value) if value <= time.time() else None
    return _of_the_future(name, value) if value > time.time() else None


def _expired(value: float) -> TokenRefused:
    actual = f"{write_time(value)}, {time.time() - value:.0f} seconds ago by this host's clock"
    reason = f"exp is {actual}; clocks may differ by {LEEWAY} seconds"
    return TokenRefused("exp", "The token has expired (exp).", reason, expected=_limit(-LEEWAY), actual=actual)


def _of_the_future(name: str, value: float) -> TokenRefused:
    actual = f"{write_time(value)}, {value - time.time():.0f} seconds ahead of this host's clock"
    advice = f"the clocks of the issuer and of this host may differ by {LEEWAY} seconds: correct the one that is wrong"
    description = f"The token is not valid yet: its {name} is in the future, so the clocks differ."
    return TokenRefused(name, description, f"{name} is {actual}; {advice}", expected=_limit(LEEWAY), actual=actual)


def _limit(leeway: int) -> str:
    return f"{'later' if leeway < 0 else 'not later'} than {write_time(time.time() + leeway)}"


def is_time(value: object) -> TypeGuard[float]:
    """Whether a claim's value is a usable number of seconds: finite, and not absurdly large."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_TIME


def write_time(value: float) -> str:
    """Format a time of a token."""
    try:
        return timestamp(datetime.fromtimestamp(value, UTC))
    except (OverflowError, ValueError, OSError):
        return shown(value)


def shown(value: object) -> str:
    """Format a token's value as one bounded, printable line."""
    if value is None:
        return "missing"
    text = value if isinstance(value, str) and value.isprintable() else _as_json(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, default=str)
    except RecursionError:  # there is a depth at which a value can still be read, but no longer be written
        return "nested too deeply"


def check_tenant(good_for: str, tenant: str) -> None:
    """Raise `TokenRefused` if a token is valid for another tenant than the request's."""
    if not good_for or good_for != tenant:
        description = "The token is not valid for this tenant."
        raise refused("tenant", good_for or None, "the request is for", [tenant], description)


def check_scope(scopes: Collection[str], scope: str, *others: str) -> None:
    """Raise `TokenRefused` if a token has neither the scope nor one of the alternatives."""
    if not {scope, *others}.intersection(scopes):
        description = f"The token lacks the scope {scope}."
        raise refused("scope", " ".join(sorted(scopes)) or None, "the operation needs", [scope], description)
