"""Access tokens that are introspected: opaque ones, or JWTs of an issuer that may revoke them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector.access.claims import ClaimRules, Principal
from connector.access.issuer import Explanation, TrustedIssuer, finding
from connector.access.refusals import TokenRefused, refused
from connector.access.token_use import check_introspected, check_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector.access.introspection import Introspection
    from connector.access.jwt import Presented
    from connector.settings import Issuer

ACTIVE = "active"


class AskedIssuer(TrustedIssuer):
    """An issuer whose tokens are introspected; its answers must have audience and user."""

    is_opaque = True

    def __init__(self, settings: Issuer, introspection: Introspection) -> None:
        super().__init__(settings.issuer, ClaimRules(settings, required=()))
        self._settings = settings
        self._introspection = introspection

    def prepare(self) -> None:
        """Return None: the first request needs no preparation."""

    def verify(self, token: Presented) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` or `IssuerUnavailableError`."""
        claims = self._ask(token)
        self._check_use(token, claims)
        self.rules.check_all(claims)
        return self.rules.principal(claims)

    def explain(self, token: Presented) -> Explanation:
        """Run every check independently and return the results."""
        claims: dict[str, Any] = {}
        active = finding(ACTIVE, f"true, as {self.identifier} answers", lambda: claims.update(self._ask(token)))
        if not active.passed:
            return Explanation([active], None)
        use = finding("use", "that of an access token", lambda: self._check_use(token, claims))
        return Explanation([active, use, *self.explain_claims(claims)], claims)

    def _ask(self, token: Presented) -> dict[str, Any]:
        claims = self._introspection.ask(token.text)
        if claims is None:
            raise _not_active(self.identifier)
        return claims

    def _check_use(self, token: Presented, claims: Mapping[str, Any]) -> None:
        """Refuse tokens that are not access tokens, also if only the token itself shows this: some servers accept ID
        tokens.
        """
        check_introspected(claims)
        if token.jwt:
            check_use(token.jwt.claims, token.jwt.header)
        check_use(claims, token.jwt.header if token.jwt else {}, self._settings.access_token_claims)


def _not_active(issuer: str) -> TokenRefused:
    description = "The token is not active: it has expired, was revoked, or is not of this tenant's issuer."
    return refused(ACTIVE, False, f"{issuer} must answer", ["true"], description)
