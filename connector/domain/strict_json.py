"""JSON that a person or a browser has sent, read strictly: what is read can be stored, compared and written again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

from connector.domain.nesting import is_deeper

MAX_DEPTH = 64  # nesting: far more than anything needs, far less than a recursion can handle
_NO_JSON = "must be JSON"
_TOO_DEEP = f"must not be nested too deeply, at most {MAX_DEPTH} times"
_TOO_LARGE = "must contain only numbers that JSON supports, not infinity"


class InvalidJson(ValueError):  # noqa: N818  it is a refusal, not a defect
    """Text that is no JSON, is nested too deeply, or has numbers that JSON does not support; its text says which."""


def parse_json(text: str | bytes, members: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Return the parsed JSON; raise `InvalidJson`, which is a `ValueError`.

    `members` creates an object from its members, for example to refuse some of them.
    """
    try:
        parsed = json.loads(text, object_pairs_hook=members, parse_constant=_refuse, parse_float=_finite)
    except InvalidJson:
        raise
    except RecursionError as error:
        raise InvalidJson(_TOO_DEEP) from error
    except ValueError as error:
        raise InvalidJson(_NO_JSON) from error
    if is_deeper(parsed, MAX_DEPTH):
        raise InvalidJson(_TOO_DEEP)
    return parsed


def _finite(digits: str) -> float:
    """Read a number; Python would read one that is too large as infinity, which JSON cannot represent."""
    number = float(digits)
    if math.isinf(number):
        raise InvalidJson(_TOO_LARGE)
    return number


def _refuse(_constant: str) -> NoReturn:
    raise InvalidJson(_NO_JSON)
