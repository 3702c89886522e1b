"""Onfido's JSON, read with care: nothing it sends is trusted to have the right shape.

What cannot be done without raises `UnreadableError`; what can be done without is None, or left out.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

MAX_ID_LENGTH = 64
MAX_URL_LENGTH = 2048
MAX_DIGITS = sys.int_info.str_digits_check_threshold  # Python's limit of digits may be set, but to no less than this


class UnreadableError(ValueError):
    """What Onfido sent is not what its API describes."""


def read_text(body: bytes) -> str:
    """Decode UTF-8, without the byte order mark that it may begin with; raises `UnicodeDecodeError`."""
    return body.decode("utf-8-sig")


def read_json(body: bytes) -> object:
    """Parse strict JSON, without NaN or Infinity; raises `UnreadableError`."""
    try:
        parsed: object = _DECODER.decode(read_text(body))
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it is no JSON that can be read") from error
    return parsed


def as_object(body: object) -> dict[str, Any]:
    """Insist on a JSON object."""
    if not isinstance(body, dict):
        raise UnreadableError("it is no JSON object")
    return body


def as_array(body: object) -> list[Any]:
    """Insist on a JSON array."""
    if not isinstance(body, list):
        raise UnreadableError("it is no JSON array")
    return body


def objects(body: object) -> list[dict[str, Any]]:
    """Read the objects of a JSON array; anything else in it is left out."""
    return [each for each in as_array(body) if isinstance(each, dict)]


def required(value: str | None, name: str) -> str:
    """Insist on a value that was read."""
    if value is None:
        raise UnreadableError(f"it has no {name}")
    return value


def mapping(value: object) -> dict[str, Any]:
    """Read an object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def text(value: object, longest: int | None = None) -> str | None:
    """Read a printable text without the space around it; None where there is none, or a longer one."""
    stripped = value.strip() if isinstance(value, str) else ""
    if not stripped or not stripped.isprintable() or (longest is not None and len(stripped) > longest):
        return None
    return stripped


def identifier(value: object) -> str | None:
    """Read an id of Onfido's: a printable text that fits where ids are stored; None where it is none."""
    return text(value, MAX_ID_LENGTH)


def texts(value: object, *, longest: int, most: int) -> tuple[str, ...]:
    """Read the first so many usable texts of a list."""
    each = value if isinstance(value, list) else []
    return tuple(islice(_present(text(element, longest) for element in each), most))


def sentences(value: object, *, longest: int, most: int) -> tuple[str, ...]:
    """Read the first so many texts of a list that people wrote: made one line each, and cut where they are longer."""
    each = value if isinstance(value, list) else []
    found = (text(tidy(element)[:longest]) for element in each if isinstance(element, str))
    return tuple(islice(_present(found), most))


def tidy(words: str) -> str:
    """Make words printable: one space for each stretch of space and control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())


def web_address(value: object) -> str | None:
    """Read an address that a browser may be sent to; None where it is none."""
    found = text(value, MAX_URL_LENGTH)
    if found is None or " " in found:
        return None
    try:
        url = urlsplit(found)
    except ValueError:
        return None
    return found if url.scheme in ("https", "http") and url.hostname else None


def time(value: object) -> datetime | None:
    """Read an ISO 8601 time as UTC, which is what Onfido means where it names no zone."""
    try:
        found = datetime.fromisoformat(value if isinstance(value, str) else "")
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _present(found: Iterator[str | None]) -> Iterator[str]:
    return (each for each in found if each is not None)


def _finite(digits: str) -> float | None:
    """Read a number; one that is too large reads as null, for one odd number must not make a whole run unreadable."""
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole(digits: str) -> int | None:
    """Read a whole number; one of more digits than Python reads is null, for the same reason."""
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)
