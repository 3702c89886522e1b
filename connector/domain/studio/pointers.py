"""JSON Pointers (RFC 6901), which name places in a workflow's output."""

from __future__ import annotations

import re

MAX_LENGTH = 512
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+", re.DOTALL)


def is_pointer(text: str) -> bool:
    """Whether a text is a JSON Pointer; the empty one, to the whole output, is not accepted."""
    return len(text) <= MAX_LENGTH and _POINTER.fullmatch(text) is not None
