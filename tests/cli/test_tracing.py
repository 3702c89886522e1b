"""Traces of real processes at a real OTLP receiver; obstacles to tracing stop no process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from structlog.testing import capture_logs

from connector import tracing
from connector.access.development import mint_token
from tests.cli.conftest import Running
from tests.loopback import Quiet, serving
from tests.ports import free_port
from tests.waiting import wait_for_answer, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SECRET = "secret-of-the-collector"
TRIES = """
import sys
sys.modules["opentelemetry"] = None
from connector import telemetry, tracing
telemetry.configure_logging("INFO", "json")
tracing.begin("serve", {"OTEL_TRACES_EXPORTER": "otlp"})
print(tracing.is_on())
"""


class Collector:
    """A receiver of OTLP over HTTP."""

    def __init__(self, url: str, received: list[ExportTraceServiceRequest], headers: list[str]) -> None:
        self.url = url
        self._received = received
        self.headers = headers

    @property
    def resources(self) -> list[ResourceSpans]:
        return [each for request in list(self._received) for each in request.resource_spans]

    @property
    def names(self) -> set[str]:
        return {span.name for each in self.resources for scope in each.scope_spans for span in scope.spans}

    def traces(self, name: str) -> set[str]:
        spans = [span for each in self.resources for scope in each.scope_spans for span in scope.spans]
        return {span.trace_id.hex() for span in spans if span.name == name}

    def resource(self) -> dict[str, str]:
        return {each.key: each.value.string_value for each in self.resources[0].resource.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    received: list[ExportTraceServiceRequest] = []
    headers: list[str] = []

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers.append(self.headers.get("Authorization", ""))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.answer(200)

    with serving(Handler) as url:
        yield Collector(url, received, headers)


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]


def test_a_server_and_its_deliveries_report_to_the_collector(
    collector: Collector, data_dir: Path, tmp_path: Path, start: Callable[..., Running]
) -> None:
    log = tmp_path / "log"
    variables = {
        "CONNECTOR_DATA_DIR": str(data_dir),
        "CONNECTOR_LOG_FORMAT": "json",
        ENDPOINT: collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {SECRET}",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=trial",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "NO_PROXY": "*",
    }
    server = start("serve", "--dev", ready="/readyz", log=log, **variables)
    token = mint_token(data_dir, "ann", ["internal_login"])
    headers = {"Authorization": f"Bearer {token}", "traceparent": CALLER}
    claims = "/api/users/v1/me/idv/claims"
    assert requests.get(server.url + claims, headers=headers, timeout=60).headers["X-Correlation-ID"] == TRACE
    wait_until(lambda: {f"GET {claims}", "deliver sweep"} <= collector.names)
    assert server.stop() == 0

    assert collector.traces(f"GET {claims}") == {TRACE}
    assert TRACE in collector.traces("SELECT")
    expected = {
        "service.name": "onfido-idvp-connector",
        "connector.role": "serve",
        "deployment.environment.name": "trial",
    }
    assert expected.items() <= collector.resource().items()
    assert set(collector.headers) == {f"Bearer {SECRET}"}
    assert [each["trace_id"] for each in lines(log) if each["event"] == "access"] == [TRACE]
    assert SECRET not in log.read_text()


def test_a_worker_sends_its_pending_spans_when_it_ends(
    collector: Collector, data_dir: Path, tmp_path: Path, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    port = free_port()
    variables = {
        "CONNECTOR_DATA_DIR": str(data_dir),
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
        "OTEL_SERVICE_NAME": "idv-worker",
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        "NO_PROXY": "*",
    }
    process = spawn("worker", "--port", str(port), log=tmp_path / "log", **variables)
    metrics = f"http://127.0.0.1:{port}/metrics"
    wait_for_answer(metrics, process)
    wait_until(lambda: 'connector_delivery_seconds_count{kind="sweep"' in requests.get(metrics, timeout=60).text)
    assert collector.resources == []
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) == 0
    assert "deliver sweep" in collector.names
    assert collector.resource()["service.name"] == "idv-worker"
    assert collector.resource()["connector.role"] == "worker"


def test_an_unreachable_collector_prevents_no_server_from_serving_or_ending(
    data_dir: Path, tmp_path: Path, start: Callable[..., Running]
) -> None:
    variables = {"CONNECTOR_DATA_DIR": str(data_dir), ENDPOINT: f"http://127.0.0.1:{free_port()}", "NO_PROXY": "*"}
    server = start("serve", "--dev", ready="/readyz", log=tmp_path / "log", **variables)
    assert requests.get(f"{server.url}/healthz", timeout=60).ok
    assert server.stop() == 0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "idv"},
        {"OTEL_TRACES_EXPORTER": "none", ENDPOINT: "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "TRUE", ENDPOINT: "http://127.0.0.1:1"},
    ],
)
def test_tracing_is_off_by_default(environ: dict[str, str]) -> None:
    with capture_logs() as logs:
        tracing.begin("serve", environ)
    assert (tracing.is_on(), logs) == (False, [])


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({ENDPOINT: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
    ],
)
def test_an_unsupported_variable_is_reported_and_nothing_is_traced(environ: dict[str, str], variable: str) -> None:
    with capture_logs() as logs:
        tracing.begin("serve", environ)
    assert not tracing.is_on()
    assert [(each["event"], each["variable"]) for each in logs] == [("tracing.not_started", variable)]


def test_a_faulty_variable_is_reported_and_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000000")  # more than the queue holds
    with capture_logs() as logs:
        tracing.begin("serve", {"OTEL_TRACES_EXPORTER": "otlp"})
    assert not tracing.is_on()
    assert [each["event"] for each in logs] == ["tracing.not_started"]


def test_an_installation_without_the_extra_reports_it_and_continues() -> None:
    done = subprocess.run([sys.executable, "-c", TRIES], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
    assert json.loads(done.stderr)["event"] == "tracing.not_installed"
