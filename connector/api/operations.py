"""`/healthz`, `/readyz` and `/metrics`, and the redirect to the documentation.

They require no scope, because load balancers and scrapers have no user, and disclose nothing about tenants, users or
runs. The metrics require a separate token.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request

from connector.access.gate import AccessDenied
from connector.api.errors import body
from connector.metrics.exposition import METRICS_TYPE, exposition, may_read_metrics
from connector.settings import Settings

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def get_health() -> Response:
    """Report that the process is alive."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
def get_readiness() -> Response:
    """Report whether the database can be reached, is migrated and accepts writes."""
    problem: str | None = current_app.extensions["services"].health.problem()
    if problem is not None:
        return body("HTTP-503", "Not ready", problem, 503)
    settings: Settings = current_app.extensions["services"].settings
    warnings = settings.warnings()
    return jsonify(status="ready", **{"warnings": warnings} if warnings else {})


@blueprint.get("/metrics")
def get_metrics() -> Response:
    """Return the metrics, of all processes if there are several, in Prometheus' format."""
    settings: Settings = current_app.extensions["services"].settings
    if not may_read_metrics(request.headers.get("Authorization"), settings.metrics_token):
        raise AccessDenied(
            401, "The bearer token must be that of the setting `metrics_token`.", {"WWW-Authenticate": "Bearer"}
        )
    return Response(exposition(current_app.extensions["services"].backlog.read), content_type=METRICS_TYPE)
