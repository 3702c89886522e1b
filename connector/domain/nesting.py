"""The nesting of JSON, traversed level by level, because a recursion would fail on maliciously nested input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_CONTAINER = (dict, list)
_Inside = tuple[Any, Any, str]  # an object or array, the entry of its parent, and its name in the parent


def containers(level: Iterable[object]) -> Iterator[object]:
    """Return the objects and arrays directly inside those of one level."""
    for node in level:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        for child in children:
            if isinstance(child, _CONTAINER):
                yield child


def is_deeper(data: object, most: int) -> bool:
    """Whether objects and arrays are nested more than `most` levels deep."""
    level, depth = [data], 0
    while level and depth < most:
        level, depth = list(containers(level)), depth + 1
    return bool(level)


def pointers_to(data: object, nodes: Iterable[object]) -> dict[int, str]:
    """Return the JSON Pointers (RFC 6901) of some objects and arrays in `data`, by their `id`."""
    missing = {id(node) for node in nodes}
    pointers: dict[int, str] = {}
    level: list[_Inside] = [(data, None, "")]
    while level and missing:
        for entry in level:
            if id(entry[0]) in missing:
                missing.remove(id(entry[0]))
                pointers[id(entry[0])] = _pointer(entry)
        level = [inside for entry in level for inside in _entries(entry)]
    return pointers


def _entries(entry: _Inside) -> Iterator[_Inside]:
    node = entry[0]
    named = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return ((child, entry, str(name)) for name, child in named if isinstance(child, _CONTAINER))


def _pointer(entry: _Inside) -> str:
    names = []
    while entry[1] is not None:
        names.append(entry[2].replace("~", "~0").replace("/", "~1"))
        entry = entry[1]
    return "".join(f"/{name}" for name in reversed(names))
