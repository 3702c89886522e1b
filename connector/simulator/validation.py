"""Validation of JSON: small rules that combine into the schema of a request.

A rule takes a value and lists what is wrong with it; an empty list means nothing is. The problems of an object
inside an object are themselves an object, as in `{"address": [{"postcode": ["must be given"]}]}`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from connector.simulator.errors import invalid

Json = dict[str, Any]
Problems = list[Any]
Rule = Callable[[Any], Problems]

REQUIRED = ["must be given"]
UNKNOWN = ["must be left out: it is unknown"]
MOST_CHOICES = 10  # that a sentence lists

_DATE_TIME = r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"  # RFC 3339


def check(body: Mapping[str, Any], rules: Mapping[str, Rule], *required: str, is_closed: bool = False) -> Json:
    """Return the known fields of `body`; raise `ApiError` 422 naming each field that breaks its rule.

    Unknown fields are dropped, as Onfido does, unless `is_closed`: then they are refused.
    """
    if problems := problems_in(body, rules, required, is_closed=is_closed):
        raise invalid(problems)
    return {name: value for name, value in body.items() if name in rules}


def problems_in(
    body: Mapping[str, Any], rules: Mapping[str, Rule], required: Collection[str] = (), *, is_closed: bool = False
) -> Json:
    """Map each field that breaks its rule, is missing, or is unknown where `is_closed`, to what is wrong with it."""
    problems: Json = {name: REQUIRED for name in required if name not in body}
    for name, rule in rules.items():
        if name in body and (found := rule(body[name])):
            problems[name] = found
    if is_closed:
        problems |= {str(name): UNKNOWN for name in body if name not in rules}
    return problems


def anything(_: Any) -> Problems:
    """Accept every value."""
    return []


def nullable(rule: Rule) -> Rule:
    """Accept null as well."""
    return lambda value: [] if value is None else rule(value)


def text(minimum: int = 0, maximum: int | None = None, pattern: str = "") -> Rule:
    """Accept a string of so many characters that matches the whole pattern."""

    def problems(value: Any) -> Problems:
        if not isinstance(value, str) or not _is_unicode(value):
            return ["must be a string"]
        if len(value.strip()) < minimum:
            return ["must not be blank"]
        if maximum is not None and len(value) > maximum:
            return [f"must have at most {maximum} characters"]
        return ["must have the documented format"] if pattern and not re.fullmatch(pattern, value) else []

    return problems


def integer(minimum: int, maximum: int) -> Rule:
    """Accept a whole number within these bounds."""

    def problems(value: Any) -> Problems:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            return [f"must be a whole number from {minimum} to {maximum}"]
        return []

    return problems


def number(value: Any) -> Problems:
    """Accept a number, whole or not."""
    return [] if isinstance(value, int | float) and not isinstance(value, bool) else ["must be a number"]


def choice(*values: str) -> Rule:
    """Accept one of these strings."""
    known = ", ".join(values) if len(values) <= MOST_CHOICES else "the documented values"
    return lambda value: [] if isinstance(value, str) and value in values else [f"must be one of {known}"]


def list_of(rule: Rule, maximum: int | None = None) -> Rule:
    """Accept an array of so many elements, each of which keeps `rule`."""

    def problems(value: Any) -> Problems:
        if not isinstance(value, list):
            return ["must be an array"]
        if maximum is not None and len(value) > maximum:
            return [f"must have at most {maximum} elements"]
        return [problem for element in value for problem in rule(element)]

    return problems


def record(rules: Mapping[str, Rule], *required: str) -> Rule:
    """Accept an object whose known fields keep their rules."""

    def problems(value: Any) -> Problems:
        if not isinstance(value, dict):
            return ["must be an object"]
        found = problems_in(value, rules, required)
        return [found] if found else []

    return problems


def mapping_of(rule: Rule) -> Rule:
    """Accept an object with any short keys, each value of which keeps `rule`."""
    key_rule = text(1, 64)

    def problems(value: Any) -> Problems:
        if not isinstance(value, dict):
            return ["must be an object"]
        found = {key: wrong for key, element in value.items() if (wrong := key_rule(key) + rule(element))}
        return [found] if found else []

    return problems


def boolean(value: Any) -> Problems:
    """Accept true and false."""
    return [] if isinstance(value, bool) else ["must be true or false"]


def json_object(value: Any) -> Problems:
    """Accept any object."""
    return [] if isinstance(value, dict) else ["must be an object"]


def identifier(value: Any) -> Problems:
    """Accept a UUID."""
    return _parses(uuid.UUID, value, "must be a UUID")


def day(value: Any) -> Problems:
    """Accept a date such as 1990-01-31."""
    is_shaped = isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)
    return _parses(date.fromisoformat, value if is_shaped else None, "must be a date, YYYY-MM-DD")


def moment(value: Any) -> Problems:
    """Accept an ISO 8601 date, or date and time."""
    return _parses(as_moment, value, "must be an ISO 8601 date")


def date_time(value: Any) -> Problems:
    """Accept a date and time with its zone, such as 2030-01-31T12:00:00Z."""
    wrong = ["must be a date and time, YYYY-MM-DDThh:mm:ssZ"]
    return wrong if text(pattern=_DATE_TIME)(value) or moment(value) else []


def future(value: Any) -> Problems:
    """Accept a date and time that is yet to come."""
    return date_time(value) or ([] if as_moment(value) > datetime.now(UTC) else ["must be in the future"])


def as_moment(value: str) -> datetime:
    """Read an ISO 8601 date or date and time; a date alone is its midnight, and the zone is UTC where none is given."""
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def web_address(value: Any) -> Problems:
    """Accept an http or https URL."""
    wrong = ["must be an http or https URL"]
    if text(1, 2048)(value) or _parses(lambda address: urlsplit(address).port, value, ""):
        return wrong
    url = urlsplit(value)
    return [] if url.scheme in ("http", "https") and url.hostname else wrong


def _parses(parse: Callable[[str], object], value: Any, problem: str) -> Problems:
    if not isinstance(value, str):
        return [problem]
    try:
        parse(value)
    except ValueError:
        return [problem]
    return []


def _is_unicode(value: str) -> bool:
    """JSON can spell half a surrogate pair, which no page and no UTF-8 body can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
