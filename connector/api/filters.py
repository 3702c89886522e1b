"""The `filter` of the provider list: `name sw onfido and isEnabled eq true`."""

from __future__ import annotations

import re

from connector.domain.provider import Condition
from connector.errors import Code, RequestError

_ATTRIBUTES = {"id": "id", "name": "name", "type": "type", "description": "description", "isenabled": "is_enabled"}
_TERM = re.compile(r'\s*(\w+)\s+(eq|co|sw|ew)\s+("(?:[^"\\]|\\.)*"|[^\s"]\S*)\s*', re.IGNORECASE)
_AND = re.compile(r"and\s", re.IGNORECASE)


def parse_filter(text: str) -> list[Condition]:
    """Parse terms joined by `and`; a value with spaces stands in double quotes. Raises `RequestError`."""
    conditions, at = [], 0
    while True:
        if (term := _TERM.match(text, at)) is None:
            raise _bad("expected <attribute> <eq|co|sw|ew> <value>, terms joined by `and`")
        conditions.append(_condition(*term.groups()))
        at = term.end()
        if at == len(text):
            return conditions
        if (conjunction := _AND.match(text, at)) is None:
            raise _bad("terms can be joined by `and` only")
        at = conjunction.end()


def _condition(attribute: str, operator: str, value: str) -> Condition:
    if (known := _ATTRIBUTES.get(attribute.lower())) is None:
        raise _bad(f"unknown attribute {attribute}; known: id, name, type, description, isEnabled")
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if known == "id":
        return Condition(known, operator.lower(), value.lower())  # ours are UUIDs in lower case
    if known != "is_enabled":
        return Condition(known, operator.lower(), value)
    if operator.lower() != "eq" or value.lower() not in ("true", "false"):
        raise _bad("isEnabled is compared with `eq true` or `eq false`")
    return Condition(known, "eq", value.lower() == "true")


def _bad(why: str) -> RequestError:
    return RequestError(Code.PROVIDER_LIST_INVALID, f"filter: {why}.")
