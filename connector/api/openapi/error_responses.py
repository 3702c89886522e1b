"""The errors of each operation in the OpenAPI document: every status with its codes, their meaning, and an example."""

from __future__ import annotations

import http
from collections.abc import Iterable
from typing import Any

from connector.api.errors import STATUS
from connector.errors import Code

# The errors of any operation that calls Onfido.
ONFIDO = (
    Code.CONFIGURATION_INVALID,
    Code.TOKEN_REFUSED,
    Code.BASE_URL_WRONG,
    Code.INITIATION_FAILED,
    Code.ONFIDO_THROTTLES,
    Code.ONFIDO_UNREACHABLE,
)
# The errors of any operation that reads the user directory.
DIRECTORY = (Code.DIRECTORY_UNREACHABLE, Code.DIRECTORY_REFUSED)
PROTECTED = (401, 403, 429, 503)  # statuses of HTTP itself that any operation with a token may return
RETRIED = (429, 503)  # statuses with `Retry-After`
_TRACE_ID = "e0fbcfeb-3617-43c4-8dd0-7b7d38e13047"
_REASONS = {
    401: "No access token, or an invalid one.",
    403: "The token is for another tenant, or lacks the operation's scope.",
    413: "The body is too large.",
    429: "The caller has too many requests in progress.",
    503: "The issuer's keys cannot be fetched yet.",
}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds after which to retry."}}


def error_responses(codes: Iterable[Code], statuses: Iterable[int] = ()) -> dict[str, Any]:
    """Return the responses, by status, for the given codes and for errors of HTTP itself."""
    messages: dict[int, dict[str, str]] = {}
    for code in codes:
        messages.setdefault(STATUS.get(code, 400), {})[str(code)] = code.message
    for status in statuses:
        messages.setdefault(status, {})[f"HTTP-{status}"] = _REASONS[status]
    return {str(status): _response(status, messages[status]) for status in sorted(messages)}


def _response(status: int, messages: dict[str, str]) -> dict[str, Any]:
    lines = [f"- `{code}`: {message}" for code, message in sorted(messages.items())]
    response: dict[str, Any] = {
        "description": "\n".join(lines),
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Error"},
                "examples": {code: _example(code, message, status) for code, message in sorted(messages.items())},
            }
        },
    }
    return response | ({"headers": _RETRY_AFTER} if status in RETRIED else {})


def _example(code: str, message: str, status: int) -> dict[str, Any]:
    title = http.HTTPStatus(status).phrase if code.startswith("HTTP-") else message
    description = "What is wrong, and what to do next."
    value = {"code": code, "message": title, "description": description, "traceId": _TRACE_ID}
    return {"summary": message, "value": value}
