"""Access tokens that are signed JWTs (RFC 9068).

    algorithm, type, use ──► keys of the issuer ──► signature ──► claims ──► Principal

RFC 9068 requires issuers to send `client_id` and `jti`, but does not require a check of them, and some issuers omit
them: they are optional here. It requires a check of `typ`, but some issuers send a wrong one: hence `token_types`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.access.claims import ClaimRules, Principal
from connector.access.issuer import Explanation, Finding, TrustedIssuer, finding
from connector.access.jwt import Presented, Token
from connector.access.refusals import no_jwt, refused
from connector.access.signatures import KeySource, Signatures
from connector.access.token_use import check_use
from connector.settings.profiles import NO_TYPE

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from connector.settings import Issuer


class SigningIssuer(TrustedIssuer):
    """An issuer of signed JWTs."""

    def __init__(self, settings: Issuer, keys: KeySource) -> None:
        super().__init__(settings.issuer, ClaimRules(settings))
        self._settings = settings
        self._keys = keys
        self._signatures = Signatures(settings.algorithms, keys)

    def prepare(self) -> threading.Event | None:
        """Start fetching the keys, so that the first caller does not wait for them."""
        return self._keys.prepare()

    def verify(self, token: Presented) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` or `KeysUnavailableError`."""
        jwt = _jwt(token)
        self._signatures.check_algorithm(jwt)
        self._check_type(jwt)
        self._check_use(jwt)
        self._signatures.check(jwt)  # only now, because a token that is refused above must not cause a fetch of keys
        self.rules.check_all(jwt.claims)
        return self.rules.principal(jwt.claims)

    def explain(self, token: Presented) -> Explanation:
        """Run every check independently and return the results."""
        jwt = _jwt(token)
        return Explanation([*self._explain_signature(jwt), *self.explain_claims(jwt.claims)], jwt.claims)

    def _explain_signature(self, jwt: Token) -> Iterator[Finding]:
        algorithm = finding("alg", jwt.header.get("alg"), lambda: self._signatures.check_algorithm(jwt))
        yield algorithm
        yield finding("typ", jwt.header.get("typ"), lambda: self._check_type(jwt))
        yield finding("use", "that of an access token", lambda: self._check_use(jwt))
        if algorithm.passed:
            yield finding("signature", "right", lambda: self._signatures.check(jwt))
        else:
            yield Finding("signature", None, "it cannot be checked with that algorithm")

    def _check_type(self, token: Token) -> None:
        value = token.header.get("typ", NO_TYPE)
        is_written = "typ" in token.header
        allowed = [each for each in self._settings.token_types if each != NO_TYPE or not is_written]
        if not isinstance(value, str) or value.lower() not in allowed:
            types = self._settings.token_types
            raise refused("typ", token.header.get("typ"), "token_types of this issuer allows", types)

    def _check_use(self, token: Token) -> None:
        check_use(token.claims, token.header, self._settings.access_token_claims)


def _jwt(token: Presented) -> Token:
    if token.jwt is None:
        raise no_jwt(token.text)
    return token.jwt
