"""Parsing tokens before verification."""

from __future__ import annotations

import json
import re
from dataclasses import field
from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry, extract_compact

from connector.access.refusals import TokenRefused, no_jwt, shown
from connector.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from joserfc.jwa import JWSAlgModel
    from joserfc.jws import CompactSignature


MAX_TOKEN = 16 * 1024  # characters of a token that is introspected
MAX_PAYLOAD = 16 * 1024  # characters of a signed token's payload
BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1


@frozen
class Token:
    """A parsed token; nothing in it is verified."""

    signature: CompactSignature
    header: Mapping[str, Any]
    claims: dict[str, Any]


@frozen
class Presented:
    """A token as a caller presented it; `jwt` is None if it is not a signed JWT."""

    text: str = field(repr=False)
    jwt: Token | None

    @property
    def is_well_formed(self) -> bool:
        """Whether it has the format of a bearer token, so that it may be introspected."""
        return len(self.text) <= MAX_TOKEN and BEARER_TOKEN.fullmatch(self.text) is not None

    @property
    def names(self) -> tuple[str | None, str | None]:
        """The issuer and the key id that it names, in a form that can be logged."""
        return (shown(self.jwt.claims.get("iss")), shown(self.jwt.header.get("kid"))) if self.jwt else (None, None)


class Algorithms(JWSRegistry):
    """The signature algorithms of one issuer; unknown header parameters are ignored (RFC 7515, 4)."""

    max_header_length = 4096  # room for a certificate

    def __init__(self, algorithms: Collection[str], max_payload: int = MAX_PAYLOAD) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self.max_payload_length = max_payload

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return an algorithm of this issuer; the operator chooses them, including ones that joserfc does not
        recommend.
        """
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_PARSER = Algorithms(())


def parse(text: str, parser: Algorithms = _PARSER) -> Token:
    """Parse a token without verifying it. Raise `TokenRefused` if it is not a JWS, or longer than the parser allows."""
    try:
        signature = extract_compact(text.encode("ascii"), registry=parser)
        claims = json.loads(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise no_jwt(text) from error
    header = signature.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict) or "crit" in header:
        raise no_jwt(text)
    return Token(signature, header, claims)


def present(text: str) -> Presented:
    """Parse a token if it is a signed JWT, without verifying it."""
    try:
        return Presented(text, parse(text))
    except TokenRefused:
        return Presented(text, None)
