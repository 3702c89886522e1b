"""Tracing of requests: the trace id in logs and answers, the span, and the duration in the metrics."""

from __future__ import annotations

import time
from contextlib import ExitStack
from http import HTTPStatus

from flask import Flask, g, request
from werkzeug.wrappers import Response as BaseResponse

from connector import metrics, telemetry, tracing

HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONTEXT = ("traceparent", "tracestate")


def install(app: Flask) -> None:
    """Assign each request a trace id and a span, and count it by route, status and duration."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget_trace)


def _begin() -> None:
    g.began_at = time.perf_counter()
    if tracing.is_on():
        _open_span()
    given = request.headers.get("X-Correlation-ID")
    telemetry.trace_id.set(telemetry.new_trace_id(given, g.span.trace_id if "span" in g else ""))


def _open_span() -> None:
    facts = {"http.request.method": _method()} | ({"http.route": _route()} if request.url_rule else {})
    parent = {name: value for name in CONTEXT if (value := request.headers.get(name))}
    g.open_span = ExitStack()
    name = " ".join(facts.values())
    g.span = g.open_span.enter_context(tracing.root(tracing.Kind.SERVER, name, facts, parent))


def _forget_trace(_: BaseException | None) -> None:
    telemetry.trace_id.set("")  # log lines of the thread between two requests belong to neither
    if "open_span" in g:
        g.open_span.close()


def _end(response: BaseResponse) -> BaseResponse:
    response.headers["X-Correlation-ID"] = telemetry.trace_id.get()
    seconds = time.perf_counter() - g.began_at
    metrics.REQUESTS.labels(_method(), _route(), response.status_code).observe(seconds)
    if "span" in g:
        _describe(g.span, response.status_code)
    return response


def _describe(span: tracing.Span, status: int) -> None:
    facts = {"connector.trace_id": telemetry.trace_id.get(), "connector.code": g.get("error_code") or ""}
    span.set({name: value for name, value in facts.items() if value and value != span.trace_id})
    span.answered(status, is_failure=status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _method() -> str:
    return request.method if request.method in HTTP_METHODS else "other"


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "none"
