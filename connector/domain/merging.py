"""Concurrent changes to the same object: values that can be saved, and conflicts that have to be decided.

    as it was shown ──┬──► as it is stored now   (theirs)
                      └──► as it is to be saved  (mine)

A value that only one of the two has changed keeps that change; one that both have changed differently is a conflict.
Records are merged field by field, mappings key by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from connector.domain.frozen import frozen

_ABSENT: Any = object()


@frozen
class Conflict:
    """A property that both have changed since the form was shown; each value in its JSON form."""

    name: str
    shown: Any
    theirs: Any
    mine: Any


def snapshot(value: Any) -> Any:
    """Return the JSON form of a value, to be compared later."""
    if is_dataclass(value) and not isinstance(value, type):
        return snapshot(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): snapshot(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [snapshot(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def merge(shown: Any, theirs: Any, mine: Any, name: str = "") -> tuple[Any, list[Conflict]]:
    """Return what to save, and the conflicts to be decided first; `shown` is the snapshot from the form."""
    before, stored, intended = shown, _snapshot(theirs), _snapshot(mine)
    if intended in (before, stored):
        return theirs, []
    if stored == before:
        return mine, []
    if is_dataclass(mine) and is_dataclass(theirs) and isinstance(before, Mapping):
        return _merge_records(before, theirs, mine, name)
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping) and isinstance(before, Mapping):
        return _merge_mappings(before, theirs, mine, name)
    values = (None if each is _ABSENT else each for each in (before, stored, intended))
    return mine, [Conflict(name, *values)]


def _merge_records(shown: Mapping[str, Any], theirs: Any, mine: Any, name: str) -> tuple[Any, list[Conflict]]:
    merged, conflicts = {}, []
    for each in fields(mine):
        pair = getattr(theirs, each.name), getattr(mine, each.name)
        merged[each.name], deeper = merge(shown.get(each.name), *pair, f"{name}.{each.name}")
        conflicts += deeper
    return replace(mine, **merged), conflicts


def _merge_mappings(
    shown: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any], name: str
) -> tuple[dict[str, Any], list[Conflict]]:
    merged, conflicts = {}, []
    for key in {**theirs, **mine}:
        known = shown.get(key, _ABSENT), theirs.get(key, _ABSENT), mine.get(key, _ABSENT)
        value, deeper = merge(*known, f"{name}.{key}")
        conflicts += deeper
        if value is not _ABSENT:
            merged[key] = value
    return merged, conflicts


def _snapshot(value: Any) -> Any:
    return value if value is _ABSENT else snapshot(value)
