"""JSON Pointers (RFC 6901): where in a workflow's output something is."""

from __future__ import annotations

import re
from typing import Any

MAX_LENGTH = 512
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+", re.DOTALL)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def is_pointer(text: str) -> bool:
    """Whether the text is a pointer into something; the one to the whole is not of use here."""
    return len(text) <= MAX_LENGTH and _POINTER.fullmatch(text) is not None


def resolve(node: Any, pointer: str) -> Any:
    """Return the value that the pointer refers to; None where there is none."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(name)
        elif isinstance(node, list) and _INDEX.fullmatch(name) and int(name) < len(node):
            node = node[int(name)]
        else:
            return None
    return node
