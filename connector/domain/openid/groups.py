"""Claims within groups: dotted names such as `address.locality` internally, nested objects in OpenID's JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

GROUPS = ("address", "place_of_birth")


def nested(claims: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return claims as nested objects."""
    made: dict[str, Any] = {}
    for name, value in claims:
        group, _, member = name.partition(".")
        if member:
            made.setdefault(group, {})[member] = value
        else:
            made[name] = value
    return made


def flat(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return claims by their dotted names."""
    made: dict[str, Any] = {}
    for name, value in claims.items():
        made |= (
            {f"{name}.{member}": each for member, each in value.items()} if isinstance(value, dict) else {name: value}
        )
    return made
