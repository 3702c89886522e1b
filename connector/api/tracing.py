"""Tracing of requests: the trace id in logs and answers, and the duration in the metrics."""

from __future__ import annotations

import time

from flask import Flask, g, request
from werkzeug.wrappers import Response as BaseResponse

from connector import metrics, telemetry

HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def install(app: Flask) -> None:
    """Assign each request a trace id, and count it by route, status and duration."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget_trace)


def _begin() -> None:
    g.began_at = time.perf_counter()
    telemetry.trace_id.set(telemetry.new_trace_id(request.headers.get("X-Correlation-ID")))


def _forget_trace(_: BaseException | None) -> None:
    telemetry.trace_id.set("")  # log lines of the thread between two requests belong to neither


def _end(response: BaseResponse) -> BaseResponse:
    response.headers["X-Correlation-ID"] = telemetry.trace_id.get()
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    route = request.url_rule.rule if request.url_rule else "none"
    seconds = time.perf_counter() - g.began_at
    method = request.method if request.method in HTTP_METHODS else "other"
    metrics.REQUESTS.labels(method, route, response.status_code).observe(seconds)
    return response
