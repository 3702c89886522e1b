"""JSON Pointers (RFC 6901), with which a provider names properties of the workflow's output."""

from __future__ import annotations

import re

MAX_LENGTH = 512
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+", re.DOTALL)


def is_pointer(text: str) -> bool:
    """Whether the text is a pointer into something; the one to the whole is not of use here."""
    return len(text) <= MAX_LENGTH and _POINTER.fullmatch(text) is not None
