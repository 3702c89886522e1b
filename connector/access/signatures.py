"""The check of a signature with an issuer's keys, which are fetched again if none of them matches."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jws import validate_compact

from connector.access.jwt import Algorithms, Token
from connector.access.refusals import TokenRefused, bad_signature, refused

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection

    from joserfc.jwk import KeySet


class KeySource(Protocol):
    """The source of an issuer's keys; each method may raise `KeysUnavailableError`.

    `at_most` limits how long the caller waits for a fetch, in seconds.
    """

    def find(self, kid: str | None, at_most: float = math.inf) -> KeySet:
        """Return the keys, including the one with the kid if it exists."""

    def find_newer(self, tried: KeySet, at_most: float = math.inf) -> KeySet | None:
        """Return other keys than those that do not match a signature; None if there are none."""

    def prepare(self) -> threading.Event | None:
        """Start fetching the keys; return the event that is set at the end, None if nothing is fetched."""


class Signatures:
    """Checks signatures of one issuer, made with its keys and one of its algorithms."""

    def __init__(self, algorithms: Collection[str], keys: KeySource) -> None:
        self._algorithms = algorithms
        self._registry = Algorithms(algorithms)
        self._keys = keys

    def check_algorithm(self, token: Token) -> None:
        """Raise `TokenRefused` if the algorithm, or another parameter of the header, is not allowed."""
        try:
            self._registry.check_header(dict(token.header))
            self._registry.get_alg(token.header["alg"])
        except JoseError as error:
            rule = "algorithms of this issuer allows"
            raise refused("alg", token.header.get("alg"), rule, self._algorithms) from error

    def check(self, token: Token, at_most: float = math.inf) -> None:
        """Raise `TokenRefused` or `KeysUnavailableError`; `check_algorithm` must have passed.

        `at_most` limits the seconds that the caller waits for keys.
        """
        end = time.monotonic() + at_most
        keys = self._keys.find(token.header.get("kid"), at_most)
        try:
            self._verify(token, keys)
        except TokenRefused as refusal:
            newer = self._keys.find_newer(keys, end - time.monotonic()) if refusal.check == "signature" else None
            if newer is None:
                raise
            self._verify(token, newer)

    def _verify(self, token: Token, keys: KeySet) -> None:
        kid = token.header.get("kid")
        try:
            is_good = validate_compact(token.signature, keys, registry=self._registry)
        except InvalidKeyIdError as error:
            raise refused("kid", kid, "the issuer publishes", [key.kid or "" for key in keys]) from error
        except JoseError as error:
            raise bad_signature(kid, f"the key cannot be used: {error}") from error
        if not is_good:
            raise bad_signature(kid, "it was not made with that key")
