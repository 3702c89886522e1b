"""`/healthz`, `/readyz` and `/metrics`.

They carry no scope, because a load balancer and a scraper have no user, and tell nothing of tenants, users or runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from connector.api.errors import body

log = structlog.get_logger(__name__)

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def get_health() -> Response:
    """Tell that the process is alive."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
def get_readiness() -> Response:
    """Tell whether the database can be reached and is migrated."""
    is_current: Callable[[], bool] = current_app.extensions["is_current"]
    try:
        if is_current():
            return jsonify(status="ready")
        reason = "The database is not migrated: run `connector migrate`."
    except SQLAlchemyError as error:
        log.warning("database.unreachable", exc_info=error)
        reason = "The database cannot be reached."
    return body("HTTP-503", "Not ready", reason, 503)


@blueprint.get("/metrics")
def get_metrics() -> Response:
    """Give the metrics, of all processes where there are several, in Prometheus' format."""
    registry: Any = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
