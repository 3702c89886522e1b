"""Metrics for Prometheus.

    __init__.py     the metrics that a process counts
    exposition.py   their format: of one process, or of all of one `connector serve`; with the backlog in the database
    processes.py    the files of processes that have ended

Labels have few values, all of them ours: no id, no name, no path that a caller chooses.
"""

from __future__ import annotations

from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)
_CALL_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AGES = (1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)

REQUESTS = Histogram(
    "connector_request_seconds", "Requests answered", ["method", "route", "status"], buckets=_REQUEST_SECONDS
)
ATTEMPTS = Counter(
    "connector_attempts_total",
    "Requests to verify, by operation and result: ok or the error's code",
    ["operation", "result"],
)
EVENTS = Counter("connector_events_total", "Events that Onfido posted, by outcome", ["state"])
EVENT_AGE = Histogram(
    "connector_event_age_seconds",
    "Seconds from an event's time at Onfido to its arrival, if the event has a time",
    buckets=_AGES,
)
POSTS_REFUSED = Counter("connector_posts_refused_total", "Posts to webhooks that were refused, by cause", ["cause"])
RUNS = Counter("connector_runs_total", "Runs by the status they moved to", ["status"])
ORPHANED = Counter(
    "connector_runs_orphaned_total",
    "Runs that were started at Onfido but belong to no verification: their lease was lost",
)
NOTHING_COMPARED = Counter(
    "connector_runs_nothing_compared_total", "Runs that Onfido approved without comparing any attribute"
)
TOO_MANY_GONE = Counter(
    "connector_directory_checks_stopped_total",
    "Passes over a directory's users that did nothing because too many were gone",
)
ONFIDO_CALLS = Histogram(
    "connector_onfido_call_seconds",
    "Calls to Onfido, including their wait for the rate limit, by endpoint and result",
    ["endpoint", "result"],
    buckets=_CALL_SECONDS,
)
CIRCUIT_OPEN = Gauge(
    "connector_onfido_circuit_open",
    "1 while the circuit breaker of Onfido's host is open",
    ["host"],
    multiprocess_mode="livemax",
)
DELIVERIES = Histogram(
    "connector_delivery_seconds",
    "Deliveries from the outbox, by kind and result: delivered, failed (tried again) or dead",
    ["kind", "result"],
    buckets=_CALL_SECONDS,
)
SIGNALS = Counter(
    "connector_signals_total",
    "Signals to other systems, by method and result: delivered or refused",
    ["method", "result"],
)


def observe_age(happened_at: datetime | None, received_at: datetime) -> None:
    """Record the age of an event at its arrival, at least 0, because clocks may differ."""
    if happened_at is not None:
        EVENT_AGE.observe(max(0.0, (received_at - happened_at).total_seconds()))
