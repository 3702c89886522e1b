"""The differences of a change: each property before and after; for a secret only that it was replaced.

{"name": "Old", "claims": {"dob": "dob"}}  ──►  {"name": {"from": "Old", "to": "New"}, "claims.dob": {…}}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

MAX_VALUE = 500  # characters of a text that are kept
SET, REPLACED = "set", "replaced"  # recorded for a secret instead of its value


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], secrets: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Return the properties of `after` that differ, by name, each with `from` and `to`; None means no value."""
    differing: dict[str, dict[str, Any]] = {}
    for name, value in after.items():
        if name in secrets:
            differing |= _of_secret(name, before.get(name), value)
        else:
            differing |= _of_values(_flat(name, before.get(name)), _flat(name, value))
    return dict(sorted(differing.items()))


def _of_secret(name: str, before: Any, after: Any) -> dict[str, dict[str, Any]]:
    if before == after:
        return {}
    known = None if before is None else SET
    return {name: {"from": known, "to": None if after is None else REPLACED if known else SET}}


def _of_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    pairs = ((name, _short(before.get(name)), _short(after.get(name))) for name in {**before, **after})
    return {name: {"from": old, "to": new} for name, old, new in pairs if old != new}


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Return the members of an object, at any depth, under their dotted names; anything else by its own name."""
    return dict(_members(name, value)) if isinstance(value, Mapping) else {name: value}


def _members(name: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        yield from _flat(f"{name}.{key}", each).items()


def _short(value: Any) -> Any:
    """Return a value for storage: None for an empty one, a long text shortened."""
    if isinstance(value, str) and len(value) > MAX_VALUE:
        return f"{value[:MAX_VALUE]}…"
    if isinstance(value, list | tuple):
        return [_short(each) for each in value] or None
    return None if value in ("", {}) else value
