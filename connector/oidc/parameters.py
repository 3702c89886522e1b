"""Reading the parameters of a request: a form, JSON, or JSON under a form's media type, as in Okta's example."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError
from werkzeug.datastructures import MultiDict

from connector.api.errors import InvalidShape
from connector.api.parsing import read_body, read_json

MOST = 50  # parameters
LONGEST, LONGEST_CLAIMS = 2_000, 32_000  # characters of a parameter, and of `claims`
_REPEATED = frozenset({"response_type", "redirect_uri"})  # by Authlib, in its refusals
_FORBIDDEN = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")  # in `error_description` (RFC 6749, 5.2)


def invalid_request(description: str) -> InvalidRequestError:
    """Return a refusal; what OAuth forbids in its description, such as a client's quotes, becomes a question mark."""
    return InvalidRequestError(_FORBIDDEN.sub("?", description))


def read_parameters() -> dict[str, str]:
    """Return the parameters of a request's body; raises `InvalidRequestError` if they cannot be read."""
    raw = read_body()
    pairs = _of_json(raw) if raw.lstrip()[:1] == b"{" else _of_form(raw)
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise invalid_request(f"The parameter '{name[:40]}' must be given once.")
        if len(value) > (LONGEST_CLAIMS if name == "claims" else LONGEST):
            raise invalid_request(f"The parameter '{name[:40]}' is too long.")
        if not value.isprintable() and name != "claims":
            raise invalid_request(f"The parameter '{name[:40]}' must contain only printable characters.")
        if name in _REPEATED and _FORBIDDEN.search(value):
            raise invalid_request(
                f"The parameter {name} must contain only ASCII characters, and no quote or backslash."
            )
        parameters[name] = value
    return parameters


def read_pushed(given: MultiDict[str, str]) -> tuple[str, str | None] | None:
    """Return the `request_uri` and the `client_id` of an authorization request; None if one is repeated or too long.

    Other parameters are ignored: those that were pushed count.
    """
    values = {name: given.getlist(name) for name in ("request_uri", "client_id")}
    if any(len(each) > 1 or len("".join(each)) > LONGEST for each in values.values()) or not values["request_uri"]:
        return None
    return values["request_uri"][0], next(iter(values["client_id"]), None)


def _of_form(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MOST, errors="strict")
    except ValueError:
        raise InvalidRequestError("The body must be a form in UTF-8, or JSON.") from None


def _of_json(raw: bytes) -> list[tuple[str, str]]:
    try:
        body = read_json(raw)
    except InvalidShape:
        raise InvalidRequestError("The body must be a form in UTF-8, or JSON.") from None
    if len(body) > MOST:
        raise InvalidRequestError(f"The body must have at most {MOST} parameters.")
    return [(name, _as_text(value)) for name, value in body.items()]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
