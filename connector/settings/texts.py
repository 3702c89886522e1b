"""Texts of the settings."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ControlCharacterError(ValueError):
    """A text contains a control character."""


def read_text(value: object) -> str:
    """Return a text without control characters; the system would refuse a path with NUL only when it is used."""
    if type(value) is not str:
        raise TypeError
    if _CONTROL.search(value):
        raise ControlCharacterError
    return value
