"""Lists of keys and values, as WSO2 uses them for configurations and requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import marshmallow as ma

from connector.domain.numbers import is_digits

MAX_DIGITS = 9


def by_key(items: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Read a list of properties, without those that are null; raises `ma.ValidationError` for a duplicate key."""
    if len({item["key"] for item in items}) < len(items):
        raise ma.ValidationError({name: ["must not have a key twice"]})
    return {item["key"]: item["value"] for item in items if item["value"] is not None}


def is_number(text: str) -> bool:
    """Whether a value is a whole number of a plausible size."""
    return is_digits(text) and len(text) <= MAX_DIGITS
