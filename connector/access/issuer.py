"""An issuer whose tokens are accepted, and the results of the checks of one token."""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connector.access.claims import ClaimRules, Principal
from connector.access.discovery import IssuerUnavailableError
from connector.access.jwt import Presented
from connector.access.refusals import TIMES, TokenRefused, is_time, shown, write_time
from connector.domain.frozen import frozen


@frozen
class Finding:
    """The result of one check of a token, for the operator; `passed` is None if it could not be made."""

    check: str
    passed: bool | None
    detail: str


@frozen
class Explanation:
    """The results of all checks of a token, and its claims; None if the issuer does not provide them."""

    findings: list[Finding]
    claims: Mapping[str, Any] | None


class TrustedIssuer(ABC):
    """An issuer whose tokens are accepted.

    Its tokens are valid for `tenant`, or with `tenant_claim` for the tenant that the claim names.
    """

    is_opaque = False

    def __init__(self, identifier: str, rules: ClaimRules) -> None:
        self.identifier = identifier
        self.rules = rules

    @abstractmethod
    def prepare(self) -> threading.Event | None:
        """Start fetching the keys and documents in advance; return the event that is set at the end."""

    @abstractmethod
    def verify(self, token: Presented) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` or `IssuerUnavailableError`."""

    @abstractmethod
    def explain(self, token: Presented) -> Explanation:
        """Run every check independently and return the results."""

    def explain_claims(self, claims: Mapping[str, Any]) -> Iterator[Finding]:
        """Check each claim."""
        for name in self.rules.names(claims):
            if name != "iss" or self.is_opaque:  # the `iss` of a JWT was already used to choose the issuer
                value = claims.get(name)
                described = write_time(value) if name in TIMES and is_time(value) else value
                yield finding(name, described, functools.partial(self.rules.check, name, claims))


def finding(check: str, value: object, make: Callable[[], None]) -> Finding:
    """Return the result of a check; `value` is the token's value."""
    try:
        make()
    except TokenRefused as refusal:
        return Finding(refusal.check, False, refusal.reason)
    except IssuerUnavailableError:
        return Finding(check, None, "the issuer does not answer: see the log of this command")
    return Finding(check, True, f"{check} is {shown(value)}")
