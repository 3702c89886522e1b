"""The metrics in Prometheus' format.

Several processes write to files in a shared directory, from which each of them can answer for all. The metrics of the
backlog are read from the database for each scrape, in one statement; every process shows the same values, so use the
maximum, not the sum.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest

from connector.errors import DatabaseUnavailable
from connector.metrics import processes

log = structlog.get_logger(__name__)

METRICS_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True)
class Backlog:
    """The backlog in the database.

    `rows`: deliveries by state, up to 1000. `oldest_due`: seconds that the oldest delivery is overdue, by queue.
    `sweep_lag`: seconds that the longest overdue check of an open run is overdue.
    """

    rows: Mapping[str, int]
    oldest_due: Mapping[str, float]
    sweep_lag: float


def may_read_metrics(authorization: str | None, token: str) -> bool:
    """Whether an `Authorization` header has the metrics token, compared in constant time."""
    return bool(token) and hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())


def exposition(read_backlog: Callable[[], Backlog]) -> bytes:
    """Return the metrics, of all processes if there are several, in Prometheus' format.

    The backlog is left out if the database does not answer.
    """
    return _own_metrics() + generate_latest(_database_metrics(read_backlog))


def _own_metrics() -> bytes:
    return processes.exposition() if processes.are_several() else generate_latest(REGISTRY)


def _database_metrics(read_backlog: Callable[[], Backlog]) -> CollectorRegistry:
    registry = CollectorRegistry()
    is_there = Gauge("connector_database_up", "1 if the database answers", registry=registry)
    rows = Gauge(
        "connector_outbox_rows",
        "Deliveries by state; 1000 means 1000 or more; dead ones need an operator",
        ["state"],
        registry=registry,
    )
    oldest = Gauge(
        "connector_outbox_oldest_due_seconds",
        "How long the oldest due delivery has been due, for notices and for other work",
        ["queue"],
        registry=registry,
    )
    lag = Gauge(
        "connector_sweep_lag_seconds",
        "How long the longest overdue check of an open run has been due",
        registry=registry,
    )
    try:
        backlog = read_backlog()
    except DatabaseUnavailable as error:
        log.warning("database.unavailable", reason=error.reason)
        registry.unregister(lag)
        return registry
    is_there.set(1)
    lag.set(backlog.sweep_lag)
    for state, number in backlog.rows.items():
        rows.labels(state).set(number)
    for queue, seconds in backlog.oldest_due.items():
        oldest.labels(queue).set(seconds)
    return registry
