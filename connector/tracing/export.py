"""Spans of OpenTelemetry's SDK, sent by OTLP according to the OTEL_* variables.

Neither the text nor the stack trace of an error is recorded, because they may contain values.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from connector import __version__
from connector.tracing import Attributes, Kind, Span

SERVICE = "onfido-idvp-connector"
PATIENCE = 5.0  # seconds that a stopping process waits for the receiver
_KINDS = {Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT, Kind.CONSUMER: SpanKind.CONSUMER}
# Only the trace context is propagated: baggage is set by the caller, may contain anything, and would reach Onfido.
_CONTEXT = TraceContextTextMapPropagator()


class _OpenSpan(Span):
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.trace_id = format_trace_id(span.get_span_context().trace_id)
        self.is_recorded = span.is_recording()

    @property
    def headers(self) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        _CONTEXT.inject(headers, trace.set_span_in_context(self._span, Context()))
        return headers

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def answered(self, status: int, *, is_failure: bool) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if is_failure:
            self._fail(str(status))

    def failed(self, error: BaseException) -> None:
        self._fail(type(error).__qualname__)

    def _fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR)


class OpenTelemetry:
    """Opens spans of a provider of the SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("connector", __version__)

    @contextmanager
    def open(self, kind: Kind, name: str, attributes: Attributes, parent: Mapping[str, str] | None) -> Iterator[Span]:
        """Open a span; see `Tracer`."""
        context = None if parent is None else _CONTEXT.extract(parent, Context())
        options = {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, context, _KINDS[kind], attributes, **options) as recorded:  # type: ignore[arg-type]
            span = _OpenSpan(recorded)
            try:
                yield span
            except BaseException as error:
                span.failed(error)
                raise

    def current(self) -> Span | None:
        """Return the open span; None if there is none."""
        span = trace.get_current_span()
        return _OpenSpan(span) if span.get_span_context().is_valid else None

    def end(self) -> None:
        """Send the recorded spans, unless the receiver does not answer in time."""
        ending = threading.Thread(target=self._provider.shutdown, name="tracing-end", daemon=True)
        ending.start()
        ending.join(PATIENCE)


def exporting(role: str) -> OpenTelemetry:
    """Return a tracer that sends by OTLP; `role` names the kind of process. Raises for invalid variables."""
    ours = Resource({"service.name": SERVICE, "service.version": __version__, "connector.role": role})
    resource = Resource.create().merge(ours).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetry(provider)
