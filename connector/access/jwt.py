"""Parsing tokens, before anything in them is verified."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry, extract_compact

from connector.access.refusals import no_jwt, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from joserfc.jwa import JWSAlgModel
    from joserfc.jws import CompactSignature


@dataclass(frozen=True)
class Token:
    """A parsed token; nothing in it is verified."""

    signature: CompactSignature
    header: Mapping[str, Any]
    claims: dict[str, Any]


class Algorithms(JWSRegistry):
    """The signature algorithms of one issuer; unknown header parameters are ignored (RFC 7515, 4)."""

    max_header_length = 4096  # room for a certificate
    max_payload_length = 16 * 1024

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        """Return an algorithm of this issuer; the operator chooses them, whatever joserfc recommends."""
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_PARSER = Algorithms(())


def parse(text: str) -> Token:
    """Parse a token without verifying anything in it. Raise `TokenRefused` where it is not a JWS."""
    try:
        signature = extract_compact(text.encode("ascii"), registry=_PARSER)
        claims = json.loads(signature.payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise no_jwt(text) from error
    header = signature.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict) or "crit" in header:
        raise no_jwt(text)
    return Token(signature, header, claims)


def token_names(token: Token) -> tuple[str, str]:
    """Return the issuer and the key id that a token names, in a form that can be logged."""
    return shown(token.claims.get("iss")), shown(token.header.get("kid"))
