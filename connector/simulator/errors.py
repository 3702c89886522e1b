"""Errors in Onfido's form: `{"error": {"type", "message", "fields"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An error answer; `fields` maps a field to what is wrong with it."""

    def __init__(
        self,
        status: int,
        type: str,  # noqa: A002  Onfido's own name
        message: str,
        fields: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.fields = fields or {}
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"error": {"type": self.type, "message": str(self), "fields": self.fields}}


def bad_request(message: str, status: int = 400) -> ApiError:
    """Make the error for a request that cannot be read."""
    return ApiError(status, "bad_request", message)


def invalid(fields: Mapping[str, Any]) -> ApiError:
    """Make the error for a request whose values break Onfido's rules."""
    return ApiError(422, "validation_error", "The request contains values that are not valid", fields)


def unauthorized() -> ApiError:
    """Make the error for a missing or unknown API token."""
    return ApiError(401, "authorization_error", "The API token is missing or unknown")


def misdirected() -> ApiError:
    """Make the error for a request for another host."""
    return bad_request("This simulator answers requests for its own host only: localhost, 127.0.0.1 or its --host", 421)


def not_found(what: str) -> ApiError:
    """Make the error for an object that never existed."""
    return ApiError(404, "resource_not_found", f"There is no such {what}")


def gone(what: str) -> ApiError:
    """Make the error for an object that was deleted."""
    return ApiError(410, "gone", f"The {what} is scheduled for deletion")


def expired() -> ApiError:
    """Make the error for a link that has expired."""
    return ApiError(410, "gone", "The link has expired")


def conflict(message: str) -> ApiError:
    """Make the error for a request to the simulator that comes too late, or too early."""
    return ApiError(409, "conflict", message)


def throttled(retry_after: int) -> ApiError:
    """Make the error for too many requests; `retry_after` in seconds."""
    headers = {"Retry-After": str(retry_after)}
    return ApiError(429, "rate_limit", "Too many requests", headers=headers)


def failing(status: int = 500) -> ApiError:
    """Make the error for a failure on Onfido's side."""
    return ApiError(status, "internal_server_error", "Something went wrong on this side")
