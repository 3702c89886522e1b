"""Recording refusals to callers with a valid token: a missing scope, or a refused change.

Refused requests of applications on behalf of users are recorded as refused starts instead.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, current_app, g, request
from werkzeug.wrappers import Response as BaseResponse

from connector.access.gate import REQUIRED_SCOPE
from connector.services.refusals.refused_requests import RefusedRequest, RefusedRequests

_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REFUSED = frozenset({400, 404, 409, 422})
_OF_APPLICATIONS = frozenset({"internal_login", "internal_idv_claim_verify"})


def install(app: Flask) -> None:
    """Record the refusals of each request after the answer."""
    app.after_request(_record)


def _record(response: BaseResponse) -> BaseResponse:
    principal = g.get("principal")
    if principal is not None and principal.tenant == g.tenant.name and _is_refusal(response.status_code):
        refused_requests: RefusedRequests = current_app.extensions["services"].refused_requests
        refused_requests.record(_refused(principal.actor, response.status_code))
    return response


def _is_refusal(status: int) -> bool:
    if status == HTTPStatus.FORBIDDEN:
        return True
    scope = getattr(current_app.view_functions.get(request.endpoint or ""), REQUIRED_SCOPE, None)
    return status in _REFUSED and request.method in _CHANGING and scope not in _OF_APPLICATIONS


def _refused(actor: str, status: int) -> RefusedRequest:
    route, ids = request.url_rule.rule if request.url_rule else "", request.view_args or {}
    reason = g.get("refusal_reason")
    return RefusedRequest(
        tenant=g.tenant.name,
        actor=actor,
        operation=f"{request.method} {route}",
        code=g.get("error_code") or f"HTTP-{status}",
        provider_id=ids.get("provider_id"),
        user_id=ids.get("user_id"),
        detail={"reason": reason} if reason else {},
    )
