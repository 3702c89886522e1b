"""Reading stored data, possibly written by a later version with further values and properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, Self, TypeVar


class StoredEnum(StrEnum):
    """An enumeration whose values are stored. A value of a later version is copied as it is: Python copies members."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


T = TypeVar("T", bound=StoredEnum)


def stored_member(kind: type[T], value: str) -> T:
    """Return the member with this value; a value that this version does not know becomes one that equals no other.

    So a row of another version can be read and shown. It is not among the members that a form offers, or that the API
    accepts.
    """
    if value in set(kind):
        return kind(value)
    unknown = str.__new__(kind, value)
    unknown._name_, unknown._value_ = value, value
    return unknown


def known_fields(kind: type[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored properties that a dataclass of this version has."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}
