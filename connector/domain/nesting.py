"""The nesting of JSON, walked level by level: a recursion would fail on input that is nested to make it fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_CONTAINER = (dict, list)


def containers(level: Iterable[object]) -> Iterator[object]:
    """Return the objects and arrays directly inside those of one level."""
    for node in level:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        for child in children:
            if isinstance(child, _CONTAINER):
                yield child


def is_deeper(data: object, most: int) -> bool:
    """Whether objects and arrays lie in each other on more than `most` levels."""
    level, depth = [data], 0
    while level and depth < most:
        level, depth = list(containers(level)), depth + 1
    return bool(level)
