"""The `filter` of the provider list: `name sw onfido and isEnabled eq true`.

filter ──► <attribute> <eq|co|sw|ew> <value>  and  <attribute> …
                                       ├─ "in double quotes", a backslash before a quote or a backslash
                                       └─ without quotes: up to the next `and <attribute> <operator>`, or the end,
                                          because WSO2's Console sends several words this way
"""

from __future__ import annotations

import re

from connector.domain.messages import message
from connector.domain.providers.provider import Condition
from connector.errors import InvalidQuery

_ATTRIBUTES = {"id": "id", "name": "name", "type": "type", "description": "description", "isenabled": "is_enabled"}
_START = r"\w+\s+(?:eq|co|sw|ew)\s"  # of a term
_TERM = re.compile(
    rf'\s*(\w+)\s+(eq|co|sw|ew)\s+("(?:[^"\\]|\\.)*"|[^\s"].*?)\s*(?=$|\s(?:and|or)\s+{_START})',
    re.IGNORECASE | re.DOTALL,
)
_AND = re.compile(r"\s*and\s+", re.IGNORECASE)
_DANGLING = re.compile(r"(?:.*\s)?(?:and|or)", re.IGNORECASE | re.DOTALL)
_UNJOINED = re.compile(rf"\s(?:{'|'.join(_ATTRIBUTES)})\s+(?:eq|co|sw|ew)\s", re.IGNORECASE)


def parse_filter(text: str) -> list[Condition]:
    """Parse terms joined by `and`, or a blank text without terms; raises `InvalidQuery`."""
    conditions, at, text = [], 0, text.strip()
    while text:
        if (term := _TERM.match(text, at)) is None:
            raise InvalidQuery(
                "filter", message("must be <attribute> <eq|co|sw|ew> <value>, several such terms joined by `and`")
            )
        conditions.append(_condition(*term.groups()))
        at = term.end()
        if at == len(text):
            return conditions
        if (conjunction := _AND.match(text, at)) is None:
            raise InvalidQuery("filter", message("must join its terms by `and`"))
        at = conjunction.end()
    return conditions


def _condition(attribute: str, operator: str, value: str) -> Condition:
    if (known := _ATTRIBUTES.get(attribute.lower())) is None:
        raise InvalidQuery(
            "filter",
            message("must be about id, name, type, description or isEnabled, not %(attribute)s", attribute=attribute),
        )
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    elif _DANGLING.fullmatch(value) or _UNJOINED.search(value):
        raise InvalidQuery(
            "filter", message("must join its terms by `and`; a value that looks like a term must be in double quotes")
        )
    if known == "id":
        return Condition(known, operator.lower(), value.lower())  # our ids are UUIDs in lower case
    if known != "is_enabled":
        return Condition(known, operator.lower(), value)
    if operator.lower() != "eq" or value.lower() not in ("true", "false"):
        raise InvalidQuery("filter", message("must compare isEnabled by `eq true` or `eq false`"))
    return Condition(known, "eq", value.lower() == "true")
