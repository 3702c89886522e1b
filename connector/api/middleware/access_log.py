"""The access log: one line, `access`, for each request to a protected route or to none, including refused ones.

It contains the caller (user, client, issuer), the tenant, the method, route and ids, the address and the status, and
the trace id that every line has. It contains no personal value except user ids.
"""

from __future__ import annotations

import re
from typing import Any

import structlog
from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response as BaseResponse

from connector.access.gate import REQUIRED_SCOPE

log = structlog.get_logger(__name__)

MAX_PATH = 200  # characters of a path without a route
_FORWARDED = re.compile(r"[0-9A-Za-z.:,\[\]%_ -]{1,200}")


def install(app: Flask) -> None:
    """Write the line once a request has been answered; a streamed body may not have been read by then."""
    app.after_request(_write)


def _write(response: BaseResponse) -> BaseResponse:
    view = current_app.view_functions.get(request.endpoint or "")
    if request.url_rule is None or hasattr(view, REQUIRED_SCOPE):
        log.info("access", **_caller(), **_request(), status=response.status_code, code=g.get("error_code"))
    return response


def _caller() -> dict[str, Any]:
    """Return the caller; unknown if the token was refused."""
    principal = g.get("principal")
    names = {"user": "subject", "client": "client_id", "issuer": "issuer"}
    return {name: getattr(principal, attribute, None) for name, attribute in names.items()}


def _request() -> dict[str, Any]:
    return {
        "tenant": g.tenant.name if "tenant" in g else None,
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "ids": dict(request.view_args or {}),
        **({} if request.url_rule else {"path": request.path[:MAX_PATH]}),
        "peer": request.remote_addr,
        "forwarded_for": _forwarded_for(),  # as the proxy sent it; clients may forge it
    }


def _forwarded_for() -> str | None:
    header = request.headers.get("X-Forwarded-For", "")
    return header if _FORWARDED.fullmatch(header) else None
