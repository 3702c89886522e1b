"""Spans of requests, calls, statements and deliveries: their content and their relations."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from sqlalchemy import delete

from connector import tracing
from connector.errors import OnfidoError
from connector.http.client import ExchangeError, HttpClient
from connector.onfido.authorization import TokenAuth
from connector.onfido.calls import Call
from connector.onfido.transport import Transport
from connector.services.providers.deletion import DeleteApplicant
from connector.settings import Settings
from connector.store import models
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.tracing.export import OpenTelemetry
from tests.bodies import API_TOKEN, event_body
from tests.harness import HTTP, ConnectorServer, World
from tests.loopback import Quiet, serving
from tests.values import VALUES

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = CALLER.split("-")[1:3]
SECRET = "value-that-is-in-no-span"


class Recorded:
    """The recorded spans, in the order of their ends."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = OpenTelemetry(provider)

    def spans(self, trace_id: str | None = None) -> list[ReadableSpan]:
        spans = self.exporter.get_finished_spans()
        return [each for each in spans if trace_id in (None, trace_of(each))]

    def text(self) -> str:
        """Return the recorded spans as text, as they would be sent."""
        return "\n".join(each.to_json() for each in self.spans())

    def of_kind(self, kind: SpanKind, trace_id: str | None = None) -> list[ReadableSpan]:
        return [each for each in self.spans(trace_id) if each.kind is kind]


def trace_of(span: ReadableSpan) -> str:
    assert span.context
    return format_trace_id(span.context.trace_id)


def is_within(span: ReadableSpan, above: ReadableSpan) -> bool:
    assert above.context
    return span.parent is not None and span.parent.span_id == above.context.span_id


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Record spans; a test requests it before a connector."""
    made = Recorded()
    tracing.use(made.tracer)
    yield made
    tracing.use(None)


@pytest.fixture
def world(recorded: Recorded, world: World) -> World:
    """A connector with recorded spans."""
    return world


@pytest.fixture
def connector(recorded: Recorded, connector: ConnectorServer) -> ConnectorServer:
    """A connector with recorded spans, without a provider."""
    return connector


@pytest.fixture
def settings(recorded: Recorded, settings: Settings) -> Settings:
    """Settings of a connector that is opened once spans are recorded."""
    return settings


def verify(world: World, **headers: str) -> str:
    """Start a verification in the trace of the caller; return the run's id."""
    caller = world.add_user("ann@example.com")
    answer = caller.verify(world.provider_id, "INITIATED", headers={"traceparent": CALLER} | headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])


def test_a_request_continues_its_callers_trace_with_a_span_for_each_wait(recorded: Recorded, world: World) -> None:
    verify(world)
    [request] = recorded.of_kind(SpanKind.SERVER, TRACE)
    assert request.name == "POST /api/users/v1/me/idv/verify"
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/users/v1/me/idv/verify",
        "http.response.status_code": 200,
    }
    assert request.parent is not None
    assert format_span_id(request.parent.span_id) == PARENT

    calls = [each for each in recorded.of_kind(SpanKind.CLIENT, TRACE) if each.name.startswith("Onfido")]
    assert [each.name for each in calls] == ["Onfido POST applicants", "Onfido POST workflow_runs"]
    assert all(is_within(each, request) and each.status.status_code is StatusCode.UNSET for each in calls)
    assert {(each.attributes or {})["server.address"] for each in calls} == {"127.0.0.1"}
    assert [(each.attributes or {})["http.response.status_code"] for each in calls] == [201, 201]

    statements = [
        each for each in recorded.of_kind(SpanKind.CLIENT, TRACE) if "db.query.text" in (each.attributes or {})
    ]
    assert statements
    assert all(is_within(each, request) for each in statements)
    text = " ".join(str((each.attributes or {})["db.query.text"]) for each in statements)
    assert re.search(r"INSERT INTO verifications\b", text)


def test_postgresql_needs_no_additional_round_trips_and_each_is_one_span(
    recorded: Recorded, postgresql_database: str
) -> None:
    database = Database(postgresql_database)
    database.check_writable()  # the first connection sends further statements
    with tracing.root(tracing.Kind.SERVER, "test", {}, {}), database.write() as connection:
        for number in range(3):
            outbox.add(connection, DeleteApplicant("acme", "provider", "applicant"), dedupe_key=f"tracing-{number}")
    with database.write() as connection:
        connection.execute(delete(models.outbox))
    database.close()
    [statements] = recorded.of_kind(SpanKind.CLIENT)
    assert (statements.attributes or {})["db.operation.batch.size"] == 5
    assert str((statements.attributes or {})["db.query.text"]).startswith("BEGIN;\nINSERT INTO outbox")
    assert statements.name == "INSERT"


def test_no_span_contains_a_value_id_path_query_or_secret(recorded: Recorded, world: World) -> None:
    run_id = verify(world, **{"X-Correlation-ID": "the-callers-own"})
    caller, admin = world.connector.as_user("ann@example.com"), world.connector.as_admin()
    assert world.post_event(event_body(run_id)).status_code == 200
    assert world.post_event(event_body(run_id), signature="0" * 64).status_code == 401
    assert caller.get(f"/api/users/v1/me/idv/claims?{SECRET}={SECRET}").status_code == 200
    assert caller.get(f"/nowhere/{SECRET}").status_code == 404
    assert admin.get(f"/api/users/v1/{SECRET}/idv/claims").status_code == 404
    assert admin.get(f"/api/server/v1/idv-providers/{world.provider_id}/verifications?userId={SECRET}").ok
    assert HTTP.get(f"{world.connector.url}/healthz", headers={"Authorization": f"Bearer {SECRET}"}).ok
    world.sweep()

    text = recorded.text()
    assert len(recorded.spans()) > 30
    assert "the-callers-own" in text
    secrets = {API_TOKEN, world.webhook_token, run_id, world.provider_id, SECRET, "ann@example.com", "127.0.0.1:"}
    secrets |= {each for each in VALUES.values() if len(each) > 3}
    assert [each for each in secrets if each in text] == []


def test_a_delivery_continues_the_trace_of_the_request_that_queued_it(recorded: Recorded, world: World) -> None:
    verify(world)
    admin = world.connector.caller("admin", ["internal_idv_claim_delete"])
    before = {trace_of(each) for each in recorded.spans()}
    answer = admin.request("DELETE", "/api/users/v1/ann@example.com/idv")
    assert answer.status_code < 300, answer.text
    world.wait_until(lambda: any(each.name == "deliver delete_applicant" for each in recorded.spans()))
    [request] = [each for each in recorded.of_kind(SpanKind.SERVER) if each.name.startswith("DELETE")]
    delivery = next(each for each in recorded.spans() if each.name == "deliver delete_applicant")
    assert trace_of(request) not in before
    assert (trace_of(delivery), delivery.kind) == (trace_of(request), SpanKind.CONSUMER)
    assert is_within(delivery, request)
    assert (delivery.attributes or {})["connector.delivery.attempt"] == 1
    assert any(is_within(each, delivery) and each.name.startswith("Onfido") for each in recorded.spans())
    assert answer.headers["X-Correlation-ID"] == trace_of(request)


def test_a_failed_delivery_has_a_failed_span_without_the_errors_text(recorded: Recorded, world: World) -> None:
    verify(world)
    world.faults(failed=1, route="DELETE /applicants/{applicant_id}")
    services = world.connector.services
    with services.database.write() as connection:
        provider = world.provider_id
        outbox.add(connection, DeleteApplicant(world.tenant, provider, "5d4c1a52-6a1f-4d7a-9b75-2e9b0c8a1f11"))
    failed: list[ReadableSpan] = []

    def has_failed() -> bool:
        failed[:] = [each for each in recorded.spans() if each.name == "deliver delete_applicant"]
        return bool(failed)

    world.wait_until(has_failed)
    assert failed[0].status.status_code is StatusCode.ERROR
    assert (failed[0].attributes or {})["error.type"] == "OnfidoError"
    assert not failed[0].events
    assert failed[0].status.description is None


@pytest.mark.one_database
@pytest.mark.parametrize(
    "given",
    ["", "garbage", "00-00000000000000000000000000000000-b7ad6b7169203331-01", f"ff-{TRACE}-{PARENT}-01", "00-1-2-3"],
)
def test_an_unreadable_trace_context_begins_a_new_trace(
    recorded: Recorded, connector: ConnectorServer, given: str
) -> None:
    answer = HTTP.get(f"{connector.url}/healthz", headers={"traceparent": given})
    [request] = recorded.of_kind(SpanKind.SERVER)
    assert answer.ok
    assert request.parent is None
    assert trace_of(request) == answer.headers["X-Correlation-ID"]


@pytest.mark.one_database
def test_the_log_has_the_spans_trace_id_unless_the_caller_sent_one(
    recorded: Recorded, connector: ConnectorServer
) -> None:
    own, theirs = "their-own-correlation", f"{connector.url}/api/users/v1/me/idv/claims"
    answers = [HTTP.get(theirs, headers={"traceparent": CALLER} | more) for more in ({}, {"X-Correlation-ID": own})]
    assert [each.json()["traceId"] for each in answers] == [TRACE, own]
    first, second = recorded.of_kind(SpanKind.SERVER, TRACE)
    assert "connector.trace_id" not in (first.attributes or {})
    assert (second.attributes or {})["connector.trace_id"] == own
    assert (first.attributes or {})["connector.code"] == answers[0].json()["code"]


@pytest.mark.one_database
def test_statements_outside_a_request_or_delivery_belong_to_no_trace(
    recorded: Recorded, connector: ConnectorServer
) -> None:
    connector.services.outbox.work("nobody")
    assert recorded.spans() == []


class Peer(Quiet):
    """Answers with the status in the path, and keeps the headers."""

    received: list[dict[str, str]]

    def do_GET(self) -> None:  # noqa: N802
        self.received.append({name.lower(): value for name, value in self.headers.items()})
        self.answer(int(self.path.split("?")[0].rpartition("/")[2]), b"{}")

    do_POST = do_GET  # noqa: N815


@pytest.fixture
def peer() -> Iterator[tuple[str, list[dict[str, str]]]]:
    received: list[dict[str, str]] = []
    handler: type[BaseHTTPRequestHandler] = type("Handler", (Peer,), {"received": received})
    with serving(handler) as url:
        yield url, received


@pytest.mark.parametrize("status", [200, 404, 503])
def test_calls_pass_the_trace_on_and_name_only_the_host(
    recorded: Recorded, peer: tuple[str, list[dict[str, str]]], status: int
) -> None:
    url, received = peer
    transport = Transport(read_retries=0)
    with tracing.root(tracing.Kind.SERVER, "test", {}, {"traceparent": CALLER, "tracestate": "vendor=1"}):
        HttpClient().open("GET", f"{url}/{SECRET}/{status}?q={SECRET}", seconds=60).read(100)
        transport.send(Call("GET", f"{url}/v3.6/applicants/{status}", TokenAuth(API_TOKEN), {"q": SECRET}))
    transport.close()
    spans = recorded.of_kind(SpanKind.CLIENT, TRACE)
    assert [each.name for each in spans] == ["GET", "Onfido GET applicants/{id}"]
    assert [(each.attributes or {})["http.response.status_code"] for each in spans] == [status, status]
    assert all((each.status.status_code is StatusCode.ERROR) is (status >= 400) for each in spans)
    for span, headers in zip(spans, received, strict=True):
        assert span.context
        assert headers["traceparent"] == f"00-{TRACE}-{format_span_id(span.context.span_id)}-01"
        assert headers["tracestate"] == "vendor=1"
    assert SECRET not in recorded.text()


def test_calls_without_an_answer_are_failures(recorded: Recorded) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/{SECRET}"
        transport = Transport(read_retries=0)
        with tracing.root(tracing.Kind.SERVER, "test", {}, {}):
            with pytest.raises(ExchangeError):
                HttpClient().open("GET", url, seconds=60)
            with pytest.raises(OnfidoError):
                transport.send(Call("GET", url, TokenAuth(API_TOKEN)))
        transport.close()
    spans = recorded.of_kind(SpanKind.CLIENT)
    assert [(each.attributes or {})["error.type"] for each in spans] == ["ExchangeError", "OnfidoError"]
    assert all(each.status.status_code is StatusCode.ERROR for each in spans)
    assert SECRET not in recorded.text()


def test_a_trace_that_is_not_sampled_is_passed_on_as_such(peer: tuple[str, list[dict[str, str]]]) -> None:
    url, received = peer
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(OpenTelemetry(provider))
    try:
        with tracing.root(tracing.Kind.SERVER, "test", {}, {"traceparent": CALLER}) as span:
            assert span.trace_id == TRACE
            with tracing.statements("sqlite", _must_not_be_asked):
                HttpClient().open("GET", f"{url}/200", seconds=60).read(100)
    finally:
        tracing.use(None)
    assert received[0]["traceparent"].startswith(f"00-{TRACE}-")
    assert received[0]["traceparent"].endswith("-00")
    assert exporter.get_finished_spans() == ()


def _must_not_be_asked() -> list[str]:
    raise AssertionError


def test_baggage_of_callers_is_not_forwarded(peer: tuple[str, list[dict[str, str]]], recorded: Recorded) -> None:
    url, received = peer
    with tracing.root(tracing.Kind.SERVER, "test", {}, {"traceparent": CALLER, "baggage": f"user={SECRET}"}):
        HttpClient().open("GET", f"{url}/200", seconds=60).read(100)
    assert SECRET not in json.dumps(received)
