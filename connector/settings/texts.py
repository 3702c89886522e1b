"""Texts of the settings."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ControlCharacterError(ValueError):
    """A text has a character that no setting needs."""


def read_text(value: object) -> str:
    """Read a text without control characters: the system refuses a path with NUL only when it is used."""
    if type(value) is not str:
        raise TypeError
    if _CONTROL.search(value):
        raise ControlCharacterError
    return value
