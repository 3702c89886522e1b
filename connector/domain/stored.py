"""Reading stored data, possibly written by a later version with further values and properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def with_unknown(
    new: Mapping[str, Any], stored: Mapping[str, Any], keys: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the new properties together with the stored ones that this version does not know, at each level.

    So this version saves an object without dropping what a later version has stored in it. `new` must have every
    property that this version knows. `keys` names the lists of objects, and the property by which their entries belong
    together; an entry that `new` no longer has is dropped as a whole.
    """
    keys = keys or {}
    known = {name: _with_unknown_parts(value, stored.get(name), keys.get(name)) for name, value in new.items()}
    return known | {name: value for name, value in stored.items() if name not in new}


def _with_unknown_parts(new: Any, stored: Any, key: str | None) -> Any:
    if key is not None and isinstance(stored, Sequence):
        before = {each.get(key): each for each in stored}
        return [with_unknown(each, before.get(each[key], {})) for each in new]
    if isinstance(new, Mapping) and isinstance(stored, Mapping):
        return with_unknown(new, stored)
    return new
