"""Numbers in texts: queries, configuration properties, options of commands, settings, headers."""

from __future__ import annotations

import math
import re

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def is_digits(text: str) -> bool:
    """Whether a text consists of ASCII digits; `str.isdigit` accepts those of every script."""
    return text.isascii() and text.isdigit()


def whole_number(text: str) -> int:
    """Return a whole number; raise `ValueError` for other scripts' digits and underscores, which `int` accepts."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def decimal_number(text: str) -> float:
    """Return a finite number; raise `ValueError` for what only `float` accepts, as for whole numbers."""
    if not _DECIMAL.fullmatch(text) or not math.isfinite(number := float(text)):
        raise ValueError("must be a number")
    return number
