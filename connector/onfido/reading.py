"""Defensive reading of Onfido's JSON: no value is assumed to have the right type.

A required value that is invalid raises `UnreadableError`; an optional one becomes None, or is left out.
"""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from connector.domain.ids import normal_id
from connector.domain.text import is_line, is_usable, tidy

MAX_ID_LENGTH = 64
MAX_URL_LENGTH = 2048
MAX_NUMBER = 2**63 - 1
MAX_DIGITS = sys.int_info.str_digits_check_threshold  # Python's limit of digits is configurable, but never below this


class UnreadableError(ValueError):
    """Onfido sent something other than its API describes."""


def read_text(body: bytes) -> str:
    """Decode UTF-8, without the byte order mark that it may begin with; raises `UnicodeDecodeError`."""
    return body.decode("utf-8-sig")


def read_json(body: bytes) -> object:
    """Parse strict JSON, without NaN or Infinity; raises `UnreadableError`."""
    try:
        parsed: object = _DECODER.decode(read_text(body))
    except (ValueError, RecursionError) as error:
        raise UnreadableError("it must be readable JSON") from error
    return parsed


def as_object(body: object) -> dict[str, Any]:
    """Return a JSON object; raises `UnreadableError` for anything else."""
    if not isinstance(body, dict):
        raise UnreadableError("it must be a JSON object")
    return body


def as_array(body: object) -> list[Any]:
    """Return a JSON array; raises `UnreadableError` for anything else."""
    if not isinstance(body, list):
        raise UnreadableError("it must be a JSON array")
    return body


def objects(body: object) -> list[dict[str, Any]]:
    """Read the objects of a JSON array, ignoring anything else in it."""
    return [each for each in as_array(body) if isinstance(each, dict)]


def required(value: str | None, name: str) -> str:
    """Return a value; raises `UnreadableError` if it is None."""
    if value is None:
        raise UnreadableError(f"it has no {name}")
    return value


def mapping(value: object) -> dict[str, Any]:
    """Read an object, empty if there is none."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Read a printable text, such as an id, without surrounding space; None if there is none."""
    stripped = value.strip() if isinstance(value, str) else ""
    return stripped if stripped and stripped.isprintable() else None


def written(value: object, longest: int) -> str | None:
    """Read text of people or documents, without surrounding space; None if it is empty or too long.

    It may contain characters of any script, including invisible ones and line breaks, but no control characters.
    """
    stripped = value.strip() if isinstance(value, str) else ""
    return stripped if 0 < len(stripped) <= longest and is_usable(stripped) else None


def number(value: object) -> int | None:
    """Read a non-negative whole number within the range of its column; None if it is invalid."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= MAX_NUMBER else None


def identifier(value: object) -> str | None:
    """Read an id of Onfido's: a printable text that fits its column; None if it is invalid."""
    read = text(value)
    return normal_id(read) if read and len(read) <= MAX_ID_LENGTH else None


def lines(value: object, *, longest: int, most: int) -> tuple[str, ...]:
    """Read at most `most` usable texts of a list that contain no line break."""
    texts = (written(element, longest) for element in (value if isinstance(value, list) else []))
    return tuple(islice((each for each in texts if each and is_line(each)), most))


def sentences(value: object, *, longest: int, most: int) -> tuple[str, ...]:
    """Read at most `most` texts of a list, each converted to one line and shortened."""
    each = value if isinstance(value, list) else []
    texts = (_one_line(element[: 10 * longest])[:longest].strip() for element in each if isinstance(element, str))
    return tuple(islice(filter(None, texts), most))


def printable(words: str) -> str:
    """Return text for a log or an error, with one space for each stretch of space and unprintable characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())


def _one_line(words: str) -> str:
    """Return text as one line, with one space for each stretch of space and control characters."""
    return tidy("".join(char if is_line(char) else " " for char in words))


def web_address(value: object) -> str | None:
    """Read an address to which a browser may be sent; None if it is invalid."""
    address = text(value)
    if address is None or " " in address or len(address) > MAX_URL_LENGTH:
        return None
    try:
        url = urlsplit(address)
    except ValueError:
        return None
    return address if url.scheme in ("https", "http") and url.hostname else None


def time(value: object) -> datetime | None:
    """Read an ISO 8601 time as UTC, which is Onfido's default if it has no zone."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _finite(digits: str) -> float | None:
    """Read a number; one that is too large becomes null, so that it cannot make a whole run unreadable."""
    number = float(digits)
    return number if math.isfinite(number) else None


def _whole(digits: str) -> int | None:
    """Read a whole number; one with too many digits for Python becomes null, for the same reason."""
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)
