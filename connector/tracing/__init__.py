"""Traces: the duration of requests, calls and deliveries, and the share of the database and other services.

    __init__.py   the API for opening spans, which does nothing while tracing is off
    export.py     OpenTelemetry's SDK, which is loaded only if the OTEL_* variables configure it

A span contains routes, hosts, statuses, ids of deliveries and SQL without values. It contains no path, query, header,
value, secret or error text, so every call can be traced.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from enum import Enum
from types import MappingProxyType
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

TRACEPARENT = "traceparent"  # the header, and the column, of W3C's trace context
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"

Attributes = Mapping[str, str | int]
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Kind(Enum):
    """The kind of a span, in OpenTelemetry's terms."""

    SERVER = "request of others"
    CLIENT = "call of ours"
    CONSUMER = "delivery"


class Span:
    """A part of a trace; this class does nothing, for processes without tracing."""

    trace_id = ""
    is_recorded = False

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers that continue the trace at the receiver of a call."""
        return _NO_HEADERS

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def answered(self, status: int, *, is_failure: bool) -> None:
        """Add an HTTP status."""

    def failed(self, error: BaseException) -> None:
        """Add the kind of an error."""


class Tracer(Protocol):
    """Opens spans."""

    def open(
        self, kind: Kind, name: str, attributes: Attributes, parent: Mapping[str, str] | None
    ) -> AbstractContextManager[Span]:
        """Open a span within the current one; with `parent`, within the trace in its headers, or a new trace."""
        ...

    def current(self) -> Span | None:
        """Return the open span; None if there is none."""
        ...

    def end(self) -> None:
        """Send the recorded spans."""
        ...


_NOTHING = Span()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Open spans with this tracer from now on; None switches tracing off."""
    global _tracer  # noqa: PLW0603  of the process, as the logs are
    _tracer = tracer


def is_on() -> bool:
    """Whether spans are recorded in this process."""
    return _tracer is not None


def begin(role: str, environ: Mapping[str, str] = os.environ) -> None:
    """Switch tracing on if the OTEL_* variables configure it; errors are only logged."""
    if _tracer is not None or not _is_asked_for(environ):
        return
    try:
        from connector.tracing.export import exporting  # noqa: PLC0415  it takes time and memory, and may be missing

        use(exporting(role))
    except ImportError:
        log.warning("tracing.not_installed", advice="install onfido-idvp-connector[opentelemetry], or unset OTEL_*")
    except Exception as error:  # noqa: BLE001  a faulty variable of OpenTelemetry's must not stop the connector
        log.warning("tracing.not_started", reason=type(error).__name__, advice="check the variables OTEL_*")


def end() -> None:
    """Send the recorded spans and switch tracing off, because the process ends."""
    if _tracer is not None:
        _tracer.end()
        use(None)


def root(kind: Kind, name: str, attributes: Attributes, parent: Mapping[str, str]) -> AbstractContextManager[Span]:
    """Open a span of a request or delivery; `parent` has the headers of the trace to continue, if any."""
    return _NOTHING if _tracer is None else _tracer.open(kind, name, attributes, parent)


def call(name: str, attributes: Attributes) -> AbstractContextManager[Span]:
    """Open a span of a call to another service, within the current one; its headers continue the trace there."""
    if _tracer is None or _tracer.current() is None:
        return _NOTHING
    return _tracer.open(Kind.CLIENT, name, attributes, None)


def statements(system: str, texts: Callable[[], list[str]]) -> AbstractContextManager[Span]:
    """Open a span of a round trip to a database, within the current one; `texts` are statements without values."""
    if _tracer is None or (span := _tracer.current()) is None or not span.is_recorded:
        return _NOTHING
    sent = texts()
    words = [text.split(maxsplit=1)[0] for text in sent if text not in ("BEGIN", "COMMIT")] or ["COMMIT"]
    attributes: dict[str, str | int] = {"db.system.name": system, "db.query.text": ";\n".join(sent)}
    if len(sent) > 1:
        attributes["db.operation.batch.size"] = len(sent)
    return _tracer.open(Kind.CLIENT, " ".join(dict.fromkeys(words)), attributes, None)


def traceparent() -> str | None:
    """Return the W3C header of the current trace, to continue it later; None if there is none."""
    span = None if _tracer is None else _tracer.current()
    return None if span is None else span.headers.get(TRACEPARENT)


def _is_asked_for(environ: Mapping[str, str]) -> bool:
    """Whether an endpoint or a supported exporter is configured, by OpenTelemetry's specification."""
    exporter = environ.get(EXPORTER, "").strip().lower()
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    if not exporter and not any(environ.get(name) for name in ENDPOINTS):
        return False
    protocol = next((environ[name] for name in PROTOCOLS if environ.get(name)), PROTOCOL)
    return _is(EXPORTER, exporter or "otlp", "otlp") and _is(PROTOCOLS[1], protocol, PROTOCOL)


def _is(variable: str, value: str, supported: str) -> bool:
    if value != supported:
        log.warning("tracing.not_started", variable=variable, reason=f"must be {supported}")
    return value == supported
