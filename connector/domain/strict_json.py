"""JSON that a person or a browser has sent, read strictly: what is read can be stored, compared and written again."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from connector.domain.nesting import is_deeper

MAX_DEPTH = 64  # nesting: far more than anything needs, far less than a recursion can handle


class InvalidJson(ValueError):  # noqa: N818  it is a refusal, not a defect
    """Text that is no JSON, is nested too deeply, or has numbers that JSON does not support."""


def parse_json(text: str | bytes) -> Any:
    """Return the parsed JSON; raise `InvalidJson`, which is a `ValueError`."""
    try:
        parsed = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidJson(type(error).__name__) from error
    if is_deeper(parsed, MAX_DEPTH):
        raise InvalidJson("nested too deeply")
    return parsed


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)
