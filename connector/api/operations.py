"""`/healthz`, `/readyz` and `/metrics`, and the way to the documentation.

They carry no scope, because a load balancer and a scraper have no user, and tell nothing of tenants, users or runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from connector.api.errors import body
from connector.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

blueprint = Blueprint("operations", __name__)


@blueprint.get("/healthz")
def get_health() -> Response:
    """Tell that the process is alive."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
def get_readiness() -> Response:
    """Report whether the database can be reached, is migrated and takes writes."""
    problem: str | None = current_app.extensions["services"].health.problem()
    if problem is not None:
        return body("HTTP-503", "Not ready", problem, 503)
    return jsonify(status="ready")


@blueprint.get("/metrics")
def get_metrics() -> Response:
    """Give the metrics, of all processes where there are several, in Prometheus' format."""
    registry: Any = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    metrics = generate_latest(registry) + generate_latest(_outbox_metrics())
    return Response(metrics, content_type=CONTENT_TYPE_LATEST)


def _outbox_metrics() -> CollectorRegistry:
    """Count the outbox' rows in the database, which all processes share; nothing where it does not answer."""
    registry = CollectorRegistry()
    rows = Gauge(
        "connector_outbox_rows", "Deliveries by state; dead ones need an operator", ["state"], registry=registry
    )
    count: Callable[[], Mapping[str, int]] = current_app.extensions["services"].outbox.counts
    try:
        for state, number in count().items():
            rows.labels(state).set(number)
    except DatabaseUnavailable as error:
        log.warning("database.unavailable", reason=error.reason)
    return registry
