"""The parameter `claims` of an authorization request: the claims to verify, and the values to compare.

    {"id_token": {"verified_claims": {"verification": {…}, "claims": {"given_name": {"value": "Ann"}, …}}}}

In OpenID Identity Assurance 1.0 `verified_claims` is an object or a list; here a list must have one element. Okta
writes each claim as `{"value": …, "fuzzy": true}`. Unknown claims are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.nesting import is_deeper
from connector.domain.openid.groups import GROUPS, nested
from connector.domain.strict_json import InvalidJson, parse_json
from connector.domain.text import is_usable
from connector.errors import InvalidField

MAX_DEPTH = 12
MAX_VALUE = 1000  # characters of a value
_WHERE = "claims"
_PLACES = ("id_token", "userinfo")


@frozen
class RequestedClaim:
    """A requested claim, by OpenID's name, dotted within a group; `value` is compared with the document."""

    name: str
    value: str | None = field(default=None, repr=False)
    is_fuzzy: bool = False


@frozen
class ClaimsRequest:
    """The requested claims; `verification` has the members that the answer shall have, each with its constraint."""

    claims: tuple[RequestedClaim, ...] = ()
    verification: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, str]:
        """The values in the request, by the names of their claims."""
        return {each.name: each.value for each in self.claims if each.value is not None}

    def of(self, names: Collection[str]) -> ClaimsRequest:
        """Return the request without claims that are not among these."""
        return ClaimsRequest(tuple(each for each in self.claims if each.name in names), self.verification)


def read_claims(text: str) -> ClaimsRequest:
    """Read the parameter; raises `InvalidField` naming the error."""
    element = _element(_parsed(text))
    if element is None:
        return ClaimsRequest()
    verification, claims = element.get("verification"), element.get("claims")
    if verification is not None and not isinstance(verification, dict):
        raise _refused("verification must be an object")
    if claims is not None and not isinstance(claims, dict):
        raise _refused("claims must be an object")
    return ClaimsRequest(tuple(_requested(claims or {})), verification or {})


def without_values(request: ClaimsRequest) -> str:
    """Return the request as parameter again, without its values."""
    claims = nested((each.name, {"fuzzy": True} if each.is_fuzzy else None) for each in request.claims)
    return json.dumps({"id_token": {"verified_claims": {"verification": request.verification, "claims": claims}}})


def _parsed(text: str) -> dict[str, Any]:
    try:
        parsed = parse_json(text)
    except InvalidJson as error:
        raise _refused(str(error)) from None
    if is_deeper(parsed, MAX_DEPTH):
        raise _refused(f"must not be nested more than {MAX_DEPTH} times")
    if not isinstance(parsed, dict):
        raise _refused("must be a JSON object")
    if not is_usable(json.dumps(parsed, ensure_ascii=False)):  # parts are repeated in ID tokens, which are of UTF-8
        raise _refused("must not contain control characters or lone surrogates")
    return parsed


def _element(parsed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the request for `verified_claims` in the ID token, or otherwise in UserInfo."""
    for place in _PLACES:
        asked = parsed.get(place)
        if asked is not None and not isinstance(asked, dict):
            raise _refused(f"{place} must be an object")
        if asked is not None and asked.get("verified_claims") is not None:
            return _only(asked["verified_claims"])
    return None


def _only(elements: Any) -> dict[str, Any]:
    listed = elements if isinstance(elements, list) else [elements]
    if len(listed) != 1 or not isinstance(listed[0], dict):
        raise _refused("verified_claims must be an object, or a list of one object")
    return listed[0]


def _requested(claims: Mapping[str, Any], group: str = "") -> Iterator[RequestedClaim]:
    for name, asked in claims.items():
        if not group and name in GROUPS and isinstance(asked, dict) and not _is_constraint(asked):
            yield from _requested(asked, f"{name}.")
        else:
            yield _claim(group + name, asked)


def _is_constraint(asked: Mapping[str, Any]) -> bool:
    return not asked or bool({"value", "essential", "fuzzy"} & asked.keys())


def _claim(name: str, asked: Any) -> RequestedClaim:
    if asked is None:
        return RequestedClaim(name)
    if not isinstance(asked, dict):
        raise _refused(f"{name} must be null or an object")
    value = asked.get("value")
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_VALUE):
        raise _refused(f"{name}: the value must be a text of at most {MAX_VALUE} characters")
    return RequestedClaim(name, value, is_fuzzy="fuzzy" in asked)


def _refused(why: str) -> InvalidField:
    return InvalidField(_WHERE, why)
