"""Access tokens that are signed JWTs (RFC 9068).

    algorithm, type, use ──► keys of the issuer ──► signature ──► claims ──► Principal

RFC 9068 requires issuers to send `client_id` and `jti`, but does not require a check of them, and some issuers omit
them: they are optional here. It requires a check of `typ`, but some issuers send a wrong one: hence `token_types`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import validate_compact

from connector.access.claims import ClaimRules, Principal
from connector.access.issuer import Explanation, Finding, TrustedIssuer, finding
from connector.access.jwt import Algorithms, Presented, Token
from connector.access.refusals import TokenRefused, bad_signature, no_jwt, refused
from connector.access.token_use import check_use
from connector.settings.profiles import NO_TYPE

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from joserfc.jwk import KeySet

    from connector.settings import Issuer


class KeySource(Protocol):
    """The source of an issuer's keys; each method may raise `KeysUnavailableError`."""

    def find(self, kid: str | None) -> KeySet:
        """Return the keys, including the one with the kid if it exists."""

    def find_newer(self, tried: KeySet) -> KeySet | None:
        """Return other keys than those that do not match a signature; None if there are none."""

    def prepare(self) -> threading.Event | None:
        """Start fetching the keys; return the event that is set at the end, None if nothing is fetched."""


class SigningIssuer(TrustedIssuer):
    """An issuer of signed JWTs."""

    def __init__(self, settings: Issuer, keys: KeySource) -> None:
        super().__init__(settings.issuer, ClaimRules(settings))
        self._settings = settings
        self._keys = keys
        self._registry = Algorithms(settings.algorithms)

    def prepare(self) -> threading.Event | None:
        """Start fetching the keys, so that the first caller does not wait for them."""
        return self._keys.prepare()

    def verify(self, token: Presented) -> Principal:
        """Return the principal of a valid token; raise `TokenRefused` or `KeysUnavailableError`."""
        jwt = _jwt(token)
        self._check_algorithm(jwt)
        self._check_type(jwt)
        self._check_use(jwt)
        self._check_signature(jwt)  # only now, because a token that is refused above must not cause a fetch of keys
        self.rules.check_all(jwt.claims)
        return self.rules.principal(jwt.claims)

    def explain(self, token: Presented) -> Explanation:
        """Run every check independently and return the results."""
        jwt = _jwt(token)
        return Explanation([*self._explain_signature(jwt), *self.explain_claims(jwt.claims)], jwt.claims)

    def _explain_signature(self, jwt: Token) -> Iterator[Finding]:
        algorithm = finding("alg", jwt.header.get("alg"), lambda: self._check_algorithm(jwt))
        yield algorithm
        yield finding("typ", jwt.header.get("typ"), lambda: self._check_type(jwt))
        yield finding("use", "that of an access token", lambda: self._check_use(jwt))
        if algorithm.passed:
            yield finding("signature", "right", lambda: self._check_signature(jwt))
        else:
            yield Finding("signature", None, "it cannot be checked with that algorithm")

    def _check_algorithm(self, token: Token) -> None:
        try:
            self._registry.check_header(dict(token.header))
            self._registry.get_alg(token.header["alg"])
        except JoseError as error:
            allowed = self._settings.algorithms
            raise refused("alg", token.header.get("alg"), "algorithms of this issuer allows", allowed) from error

    def _check_type(self, token: Token) -> None:
        value = token.header.get("typ", NO_TYPE)
        is_written = "typ" in token.header
        allowed = [each for each in self._settings.token_types if each != NO_TYPE or not is_written]
        if not isinstance(value, str) or value.lower() not in allowed:
            types = self._settings.token_types
            raise refused("typ", token.header.get("typ"), "token_types of this issuer allows", types)

    def _check_use(self, token: Token) -> None:
        check_use(token.claims, token.header, self._settings.access_token_claims)

    def _check_signature(self, token: Token) -> None:
        keys = self._keys.find(token.header.get("kid"))
        try:
            self._verify_signature(token, keys)
        except TokenRefused as refusal:
            newer = self._keys.find_newer(keys) if refusal.check == "signature" else None
            if newer is None:
                raise
            self._verify_signature(token, newer)

    def _verify_signature(self, token: Token, keys: KeySet) -> None:
        kid = token.header.get("kid")
        try:
            is_good = validate_compact(token.signature, keys, registry=self._registry)
        except InvalidKeyIdError as error:
            raise refused("kid", kid, "the issuer publishes", [key.kid or "" for key in keys]) from error
        except JoseError as error:
            raise bad_signature(kid, f"the key cannot be used: {error}") from error
        if not is_good:
            raise bad_signature(kid, "it was not made with that key")


def _jwt(token: Presented) -> Token:
    if token.jwt is None:
        raise no_jwt(token.text)
    return token.jwt
