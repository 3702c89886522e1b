"""Paths to a user's attributes: where a claim's value is in a SCIM resource, in UserInfo, or in Keycloak's user.

    name.givenName                                     an attribute of a complex one
    emails[primary eq true].value                      of a multi-valued one: the value that a filter selects
    urn:…:enterprise:2.0:User:employeeNumber           an attribute of an extension
    address.postal_code                                a member of UserInfo, nested
    attributes.dateOfBirth                             an attribute of Keycloak's

Reading is strict: a missing or ambiguous attribute, or one of another type, has no value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

from connector.domain.frozen import frozen
from connector.domain.text import is_blank, is_usable

MAX_VALUE = 4096  # characters; no attribute that Onfido compares is longer

_NAME = r"[A-Za-z$][A-Za-z0-9_$-]*"
_SCIM = re.compile(
    rf"(?:(?P<urn>urn:[A-Za-z0-9._:%/+-]+):)?(?P<name>{_NAME})"
    rf"(?:\[(?P<by>{_NAME}) eq (?P<value>[^\]]+|\"(?:[^\"\\]|\\.)*\")\])?(?:\.(?P<sub>{_NAME}))?"
)
_REQUIREMENT = (
    "must be a path such as name.givenName, emails[primary eq true].value or urn:…:User:attribute; a filter has one "
    "`eq` and a JSON value"
)


class Path(Protocol):
    """A path to one attribute of a user."""

    def read(self, user: Mapping[str, Any]) -> Any:
        """Return the attribute's value unchanged; None if there is none."""
        ...


@frozen
class ScimPath:
    """A path in a SCIM resource; names are compared ignoring case (RFC 7643, 2.1)."""

    urn: str | None
    name: str
    by: str | None = None
    value: str | bool | int | float | None = None
    sub: str | None = None

    @property
    def attribute(self) -> str:
        """The attribute as a whole, by its name in requests."""
        return f"{self.urn}:{self.name}" if self.urn else self.name

    @property
    def text(self) -> str:
        """The path without a filter, as in a PATCH."""
        return f"{self.attribute}.{self.sub}" if self.sub else self.attribute

    def read(self, user: Mapping[str, Any]) -> Any:
        """Return the attribute's value; of several values the selected one, the primary one, or the only one."""
        place = user if self.urn is None else _member(user, self.urn)
        value = _member(place, self.name)
        if isinstance(value, list):
            value = self._selected(value)
        elif self.by is not None:
            return None
        return value if self.sub is None else _member(value, self.sub)

    def whole(self, user: Mapping[str, Any]) -> Any:
        """Return all of the attribute's values; None if there is none."""
        value = _member(user if self.urn is None else _member(user, self.urn), self.name)
        return value if self.sub is None else _member(value, self.sub)

    def _selected(self, values: list[Any]) -> Any:
        if self.by is not None:
            values = [each for each in values if _is_equal(_member(each, self.by), self.value)]
        if len(values) > 1:
            values = [each for each in values if _member(each, "primary") is True]
        return values[0] if len(values) == 1 else None


@frozen
class MemberPath:
    """A path in a JSON object: a member with exactly this name, which may contain dots, or a nested one.

    A list with one value means that value, because Keycloak stores every attribute as a list.
    """

    name: str

    def read(self, user: Mapping[str, Any]) -> Any:
        """Return the member's value."""
        if self.name in user:
            return _only(user[self.name])
        head, _, rest = self.name.partition(".")
        nested = user.get(head)
        return MemberPath(rest).read(nested) if rest and isinstance(nested, dict) else None


def parse_scim(text: str) -> ScimPath:
    """Read a SCIM path; raises a `ValueError` that states the requirement."""
    match = _SCIM.fullmatch(text)
    if match is None:
        raise ValueError(_REQUIREMENT)
    return ScimPath(match["urn"], match["name"], match["by"], _literal(match["value"]), match["sub"])


def parse_member(text: str) -> MemberPath:
    """Read a path in a JSON object; raises a `ValueError` that states the requirement."""
    if not text.isprintable() or not all(text.split(".")):
        raise ValueError("must be the name of a member, dotted if it is nested")
    return MemberPath(text)


def as_text(value: Any) -> str | None:
    """Return an attribute's value as text; None for objects, lists, and blank or unusable text."""
    if isinstance(value, bool):
        return str(value).lower()
    is_finite = not isinstance(value, float) or math.isfinite(value)
    text = str(value) if isinstance(value, str | int | float) and is_finite else ""
    return text if len(text) <= MAX_VALUE and not is_blank(text) and is_usable(text) else None


def _literal(text: str | None) -> str | bool | int | float | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError(_REQUIREMENT) from None
    if not isinstance(value, str | bool | int | float):
        raise ValueError(_REQUIREMENT)  # noqa: TRY004  the text is at fault
    return value


def _member(place: Any, name: str) -> Any:
    """Return a member of an object, ignoring the case of its name."""
    if not isinstance(place, dict):
        return None
    if name in place:
        return place[name]
    folded = name.lower()
    return next((value for key, value in place.items() if isinstance(key, str) and key.lower() == folded), None)


def _is_equal(value: Any, expected: str | bool | int | float | None) -> bool:
    """Compare as SCIM does: types must match, text is compared ignoring case. A missing boolean is false."""
    if isinstance(expected, bool):
        return (False if value is None else value) is expected
    if isinstance(expected, str):
        return isinstance(value, str) and value.lower() == expected.lower()
    return not isinstance(value, bool) and isinstance(value, int | float) and value == expected


def _only(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return value[0] if len(value) == 1 else None
