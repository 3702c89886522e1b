"""The public keys with which clients authenticate, as JWKs: RSA of 2048 bits or more, or P-256."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connector.domain.messages import message
from connector.domain.strict_json import parse_json
from connector.domain.text import is_label
from connector.errors import InvalidField

ALGORITHMS = ("RS256", "PS256", "ES256")  # the signature algorithms of assertions
MAX_KEYS = 10
# members of private or symmetric keys, which must not be sent
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MODULUS = range(2048 // 8, 8192 // 8 + 1)  # bytes; larger ones take too long to verify
_COORDINATE = range(32, 33)  # bytes
_KINDS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}


def read_keys(text: str | bytes) -> tuple[dict[str, Any], ...]:
    """Return the keys of a JWK Set; raise `InvalidField` if the text is none."""
    try:
        return tuple(dict(key) for key in parse_json(text)["keys"])
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidField("keys", message('must be a JWK Set, {"keys": […]}')) from error


def objection(keys: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with a client's keys; None if they can be used."""
    if len(keys) > MAX_KEYS or are_private(keys):
        return message("must have at most %(max_keys)s public keys, without private members", max_keys=MAX_KEYS)
    kids = [key.get("kid") for key in keys]
    if not all(isinstance(kid, str | None) for kid in kids) or len(keys) > len(set(kids)):
        return message("must have a different kid, as a text, for each key")
    if len(keys) > 1 and None in kids:
        return message("must have a kid for each key if there are several, because an assertion names its key by kid")
    return next(filter(None, map(_key_objection, keys)), None)


def are_private(keys: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any of the keys is secret, and must not be stored or shown."""
    return any(_PRIVATE & key.keys() for key in keys)


def _key_objection(key: Mapping[str, Any]) -> str | None:
    if not is_label(json.dumps(key, ensure_ascii=False)):
        return message("must hold printable text only")
    if not (_is_rsa(key) or _is_p256(key)):
        return message("must be RSA keys of 2048 to 8192 bits, or EC keys of the curve P-256")
    if key.get("use", "sig") != "sig" or key.get("alg", ALGORITHMS[0]) not in ALGORITHMS:
        return message("must be for signatures (use sig) by one of %(algorithms)s", algorithms=", ".join(ALGORITHMS))
    if "alg" in key and key["alg"] not in _KINDS[key["kty"]]:
        return message(
            "must have an alg that fits the key: %(key)s is for %(names)s",
            key=key["kty"],
            names=" and ".join(_KINDS[key["kty"]]),
        )
    return None


def _is_rsa(key: Mapping[str, Any]) -> bool:
    return key.get("kty") == "RSA" and _length(key.get("n")) in _MODULUS and _length(key.get("e")) in range(1, 9)


def _is_p256(key: Mapping[str, Any]) -> bool:
    is_curve = (key.get("kty"), key.get("crv")) == ("EC", "P-256")
    return is_curve and all(_length(key.get(name)) in _COORDINATE for name in ("x", "y"))


def _length(number: Any) -> int:
    """Return the length in bytes of a number in base64url; 0 for anything else."""
    if not isinstance(number, str) or not number.isascii():
        return 0
    try:
        return len(base64.b64decode(number + "=" * (-len(number) % 4), altchars=b"-_", validate=True))
    except binascii.Error:
        return 0
