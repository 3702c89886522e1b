"""The answer to a malformed request: the same body as for every other error, created without the application."""

from __future__ import annotations

import json
from http import HTTPStatus

import structlog
from gunicorn.http import errors

from connector.telemetry import new_trace_id

log = structlog.get_logger(__name__)

_STATUS = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
_DESCRIPTIONS = {
    HTTPStatus.REQUEST_URI_TOO_LONG: "The path and the query together must be shorter.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers must be fewer and shorter, also the access token.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Try again later. The log has the details under this traceId.",
}


class Late(errors.ParseException):  # type: ignore[misc]
    """A request that did not arrive completely in time."""


_STATUS[Late] = HTTPStatus.REQUEST_TIMEOUT


def refusal(error: Exception) -> bytes:
    """Return the whole answer to a request that cannot be read, and log it; the connection has to be closed."""
    is_clients_fault = isinstance(error, errors.ParseException | errors.NoMoreData)
    fallback = HTTPStatus.BAD_REQUEST if is_clients_fault else HTTPStatus.INTERNAL_SERVER_ERROR
    status = _STATUS.get(type(error), fallback)
    trace_id = new_trace_id(None)
    if is_clients_fault:
        log.info("request.unreadable", status=status.value, reason=type(error).__name__, trace_id=trace_id)
    else:
        log.error("request.failed", exc_info=error, trace_id=trace_id)
    return _answer(status, trace_id)


def _answer(status: HTTPStatus, trace_id: str) -> bytes:
    body = json.dumps(
        {
            "code": f"HTTP-{status.value}",
            "message": status.phrase,
            "description": _DESCRIPTIONS.get(status, "The request cannot be read as HTTP/1.1."),
            "traceId": trace_id,
        }
    ).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Correlation-ID: {trace_id}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
