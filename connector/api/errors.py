"""Every error in the contract's format: `{"code", "message", "description", "traceId"}`."""

from __future__ import annotations

import http
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

import marshmallow as ma
import structlog
from flask import Flask, Response, current_app, g, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest, HTTPException

from connector.access.gate import AccessDenied
from connector.domain.frozen import frozen
from connector.errors import (
    Code,
    ConnectorError,
    DatabaseUnavailable,
    InvalidField,
    InvalidQuery,
    OnfidoError,
    RequestError,
    TooManyRequests,
)
from connector.telemetry import trace_id

log = structlog.get_logger(__name__)

MAX_DESCRIPTION = 2000

STATUS: Mapping[Code, int] = {
    Code.PROVIDER_NOT_FOUND: 404,
    Code.PROVIDER_NAME_TAKEN: 409,
    Code.VERIFICATION_NOT_FOUND: 404,
    Code.FILE_UNAVAILABLE: 404,
    Code.VERIFICATION_NOT_ENDED: 409,
    Code.VERIFICATION_NOT_DECIDABLE: 409,
    Code.TASK_NOT_FOUND: 404,
    Code.TASK_CLOSED: 409,
    Code.APPLICANT_NOT_FOUND: 404,
    Code.WEBHOOK_NOT_FOUND: 404,
    Code.DELIVERY_NOT_FOUND: 404,
    Code.ENDPOINT_NOT_FOUND: 404,
    Code.RESULT_NOT_KEPT: 404,
    Code.EVENT_NOT_FOUND: 404,
    Code.EVENT_BODY_GONE: 410,
    Code.JOB_NOT_FOUND: 404,
    Code.JOB_RESULT_UNAVAILABLE: 404,
    Code.JOB_ENDED: 409,
    Code.JOB_KEY_USED: 409,
    Code.OPENID_CLIENT_NOT_FOUND: 404,
    Code.STREAM_NOT_FOUND: 404,
    Code.STREAM_DISABLED: 409,
    Code.STREAM_LIMIT: 409,
    Code.PROVIDER_UNEXPECTED: 500,
    Code.PROVIDER_DATABASE_AWAY: 503,
    Code.CLAIM_NOT_FOUND: 404,
    Code.USER_NOT_FOUND: 404,
    Code.CLAIM_EXISTS: 409,
    Code.CLAIM_UNEXPECTED: 500,
    Code.CLAIM_DATABASE_AWAY: 503,
    Code.INITIATION_FAILED: 502,
    Code.ATTEMPT_LIMIT: 429,
    Code.ONFIDO_THROTTLES: 503,
    Code.ONFIDO_UNREACHABLE: 503,
    Code.TASK_REFUSED: 422,
    Code.DIRECTORY_UNREACHABLE: 503,
    Code.DIRECTORY_REFUSED: 502,
    Code.WEBHOOK_PROVIDER_UNKNOWN: 404,
    Code.WEBHOOK_SIGNATURE_WRONG: 401,
    Code.WEBHOOK_TOO_LARGE: 413,
    Code.WEBHOOK_UNEXPECTED: 500,
    Code.WEBHOOK_DATABASE_AWAY: 503,
}  # all other codes are 400


DATABASE_RETRY_AFTER = 5  # seconds
_HTTP_DESCRIPTIONS: Mapping[int, str] = {
    http.HTTPStatus.NOT_FOUND: "There is nothing at this path: compare it with the API's description, /docs/.",
    http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body must have at most 64 KiB, or fewer if max_body_bytes is less.",
    http.HTTPStatus.METHOD_NOT_ALLOWED: "The path must be called with one of the methods in the header Allow.",
}


@frozen
class ErrorFamily:
    """The codes of an API for errors without their own code."""

    invalid_body: Code
    invalid_query: Code
    unexpected: Code
    database_away: Code


PROVIDER_ERRORS = ErrorFamily(
    Code.PROVIDER_INVALID, Code.PROVIDER_LIST_INVALID, Code.PROVIDER_UNEXPECTED, Code.PROVIDER_DATABASE_AWAY
)
USER_ERRORS = ErrorFamily(Code.CLAIM_INVALID, Code.CLAIM_INVALID, Code.CLAIM_UNEXPECTED, Code.CLAIM_DATABASE_AWAY)
WEBHOOK_ERRORS = ErrorFamily(
    Code.WEBHOOK_UNREADABLE, Code.WEBHOOK_UNREADABLE, Code.WEBHOOK_UNEXPECTED, Code.WEBHOOK_DATABASE_AWAY
)


class ErrorSchema(ma.Schema):
    """The error body, for the OpenAPI document."""

    code = ma.fields.String(required=True, metadata={"example": "OIDV-10002"})
    message = ma.fields.String(required=True, metadata={"example": "A requested claim has no value"})
    description = ma.fields.String(
        required=True,
        metadata={"example": "The user has no value for http://wso2.org/claims/dob: set it, then ask again."},
    )
    traceId = ma.fields.String(required=True, metadata={"example": "e0fbcfeb-3617-43c4-8dd0-7b7d38e13047"})  # noqa: N815


class InvalidShape(Exception):  # noqa: N818  it is mapped to an error code by the API it is raised in
    """A body or query that does not match its schema; `messages` are marshmallow's."""

    def __init__(self, location: str, messages: Any) -> None:
        super().__init__(location)
        self.location = location
        self.messages = messages


def install(app: Flask, malformed: Iterable[type[Exception]] = ()) -> None:
    """Answer every error in the contract's format; `malformed` are the server's for a body that it cannot read."""
    for each in malformed:
        app.register_error_handler(each, lambda _: app.handle_http_exception(BadRequest()))
    app.register_error_handler(ConnectorError, _connector_error)
    app.register_error_handler(TooManyRequests, _too_many)
    app.register_error_handler(InvalidField, _invalid_field)
    app.register_error_handler(InvalidShape, _invalid_shape)
    app.register_error_handler(AccessDenied, _access_denied)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(DatabaseUnavailable, _database_unavailable)
    app.register_error_handler(Exception, _unexpected)


def http_error(error: HTTPException) -> Response:
    """Answer an error of HTTP itself, such as an unknown route or a wrong method."""
    status = error.code or 500
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    headers = {"Allow": ", ".join(valid)} if (valid := getattr(error, "valid_methods", None)) else {}
    return body(f"HTTP-{status}", error.name, _HTTP_DESCRIPTIONS.get(status, str(error.description)), status, headers)


def body(code: str, message: str, description: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error response."""
    g.error_code = code
    response = jsonify(code=code, message=message, description=description[:MAX_DESCRIPTION], traceId=trace_id.get())
    response.status_code = status
    response.headers.update(dict(headers or {}))
    return response


def _connector_error(error: ConnectorError) -> Response:
    if not isinstance(error, RequestError | OnfidoError):
        return _unexpected(error)
    status, headers = answer_of(error)
    return body(error.code, error.code.message, error.description, status, headers)


def answer_of(error: RequestError | OnfidoError) -> tuple[int, dict[str, str]]:
    """Return the HTTP status and headers for an error with a code, and log it; the console answers with the same."""
    status = STATUS.get(error.code, 400)
    log.info("request.refused", code=error.code, status=status, **_onfido_details(error))
    return status, {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}


def _onfido_details(error: ConnectorError) -> dict[str, Any]:
    if not isinstance(error, OnfidoError):
        return {}
    return {"onfido_status": error.status, "onfido_type": error.type, "onfido_request_id": error.request_id}


def _invalid_shape(error: InvalidShape) -> Response:
    details = "; ".join(f"{path or 'body'}: {text}" for path, text in _flatten(error.messages))
    return _invalid(f"{details}.", in_query=error.location == "query")


def _invalid_field(error: InvalidField) -> Response:
    return _invalid(error.description, in_query=isinstance(error, InvalidQuery))


def _invalid(description: str, *, in_query: bool) -> Response:
    code = _family().invalid_query if in_query else _family().invalid_body
    log.info("request.refused", code=code, status=400)
    return body(code, code.message, description, 400)


def _flatten(messages: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, Mapping):
        for key, value in messages.items():
            name = "" if key == "_schema" else str(key)
            yield from _flatten(value, f"{path}.{name}".strip("."))
    else:
        yield path, ", ".join(str(text) for text in messages) if isinstance(messages, list) else str(messages)


def _access_denied(error: AccessDenied) -> Response:
    status = http.HTTPStatus(error.status)
    g.refusal_reason = error.reason  # it contains a scope, but no value
    return body(f"HTTP-{status.value}", status.phrase, error.description, status, error.headers)


def _database_unavailable(error: DatabaseUnavailable) -> Response:
    code = _family().database_away
    log.error("database.unavailable", code=code, reason=error.reason)
    description = "The database is unavailable or accepts no writes. Nothing was acknowledged: try again later."
    return body(code, code.message, description, 503, {"Retry-After": str(DATABASE_RETRY_AFTER)})


def _too_many(error: TooManyRequests) -> Response:
    status = http.HTTPStatus.TOO_MANY_REQUESTS
    headers = {"Retry-After": str(error.retry_after)}
    return body(f"HTTP-{status.value}", status.phrase, error.description, status, headers)


def _unexpected(error: Exception) -> Response:
    code = _family().unexpected
    log.error("request.failed", code=code, exc_info=error)
    advice = "Try again later."
    if isinstance(error, SQLAlchemyError):
        advice = "The database did not answer as expected. " + advice
    return body(
        code, code.message, f"{advice} The log has the details under this traceId: give it to the operator.", 500
    )


def _family() -> ErrorFamily:
    """Return the family of the called API; the users' API for routes that belong to none."""
    blueprint = current_app.blueprints.get(request.blueprint or "")
    family: ErrorFamily = getattr(blueprint, "errors", USER_ERRORS)
    return family


def refuse(location: str, messages: Any) -> NoReturn:
    """Raise the error for a body or query that does not match its schema."""
    raise InvalidShape(location, messages)
