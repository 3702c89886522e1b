"""The metrics in Prometheus' format.

Several processes write to files in a directory of theirs, from which each of them can answer for all. What the database
shows is read when it is asked for, in one statement; every process shows the same there: take the largest, not the sum.
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
    """What waits in the database.

    `rows`: deliveries by state, up to 1000. `oldest_due`: seconds that the oldest delivery is overdue, by queue.
    `sweep_lag`: seconds that the open run that was overlooked for longest is overdue for a check.
    """

    rows: Mapping[str, int]
    oldest_due: Mapping[str, float]
    sweep_lag: float


def may_read_metrics(authorization: str | None, token: str) -> bool:
    """Whether an `Authorization` header has the token for the metrics; in constant time."""
    return bool(token) and hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())


def exposition(read_backlog: Callable[[], Backlog]) -> bytes:
    """Return the metrics, of all processes where there are several, in Prometheus' format.

    What the database would show is left out where it does not answer.
    """
    return _own_metrics() + generate_latest(_database_metrics(read_backlog))


def _own_metrics() -> bytes:
    return processes.exposition() if processes.are_several() else generate_latest(REGISTRY)


def _database_metrics(read_backlog: Callable[[], Backlog]) -> CollectorRegistry:
    registry = CollectorRegistry()
    is_there = Gauge("connector_database_up", "1 where the database answers", registry=registry)
    rows = Gauge(
        "connector_outbox_rows",
        "Deliveries by state, 1000 for 1000 or more; dead ones need an operator",
        ["state"],
        registry=registry,
    )
    oldest = Gauge(
        "connector_outbox_oldest_due_seconds",
        "How long the oldest delivery that is due has been so, of notices and of other work",
        ["queue"],
        registry=registry,
    )
    lag = Gauge(
        "connector_sweep_lag_seconds",
        "How long the check of an open run is overdue, of the one that waits longest",
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
