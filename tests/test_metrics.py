"""Metrics: few labels whatever callers send, of all processes, including ended ones."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import update

from connector.bootstrap import Services, create_services
from connector.errors import Code, DatabaseUnavailable, OnfidoError
from connector.metrics.exposition import exposition
from connector.onfido.measuring import Measured, endpoint
from connector.onfido.pacing import HeldBackError
from connector.process import metrics_directory
from connector.services.starting.counting import counted
from connector.services.upkeep import Sweep
from connector.settings import Settings
from connector.store.deliveries import outbox
from connector.store.dialect import from_now
from connector.store.models import outbox as outbox_table
from tests.harness import Clock

API = "https://api.eu.onfido.com/v3.6"
ID = "6db232ae-e51e-430a-8404-27d85b1d6f4a"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class TestEndpoints:
    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("POST", "/applicants", "POST applicants"),
            ("PUT", f"/applicants/{ID}", "PUT applicants/{id}"),
            ("GET", f"/workflow_runs/{ID}/tasks/document_check_1a2b", "GET workflow_runs/{id}/tasks/{id}"),
            ("POST", f"/workflow_runs/{ID}/tasks/some/complete", "POST workflow_runs/{id}/tasks/{id}"),
            ("GET", "/workflow_runs?tags=a", "GET workflow_runs"),
            ("GET", "/workflow_runs/surprise/else/more/and/more", "GET workflow_runs/{id}/{id}/{id}"),
            ("POST", "/oauth/token", "POST oauth/token"),
            ("GET", "/elsewhere", "other"),
            ("BREW", "/applicants", "other"),
        ],
    )
    def test_endpoint_labels_contain_no_ids(self, method: str, path: str, expected: str) -> None:
        assert endpoint(method, API + path) == expected

    @pytest.mark.parametrize(
        ("status", "result"), [(200, "ok"), (302, "ok"), (404, "refused"), (429, "throttled"), (503, "failed")]
    )
    def test_an_answer_is_counted_by_its_class(self, status: int, result: str) -> None:
        labels = {"endpoint": "GET ping", "result": result}
        before = value("connector_onfido_call_seconds_count", **labels)
        Measured("GET", f"{API}/ping").answered(status)
        assert value("connector_onfido_call_seconds_count", **labels) == before + 1

    @pytest.mark.parametrize(
        ("error", "result"),
        [
            (OnfidoError(Code.ONFIDO_UNREACHABLE, "It did not answer."), "no_answer"),
            (HeldBackError(Code.ONFIDO_THROTTLES, "The limit is reached", 1), "held_back_limit"),
            (HeldBackError(Code.ONFIDO_UNREACHABLE, "It failed", 1), "held_back_circuit"),
        ],
    )
    def test_a_call_without_an_answer_is_counted_by_the_reason(self, error: OnfidoError, result: str) -> None:
        labels = {"endpoint": "GET ping", "result": result}
        before = value("connector_onfido_call_seconds_count", **labels)
        Measured("GET", f"{API}/ping").failed(error, is_held_back=isinstance(error, HeldBackError))
        assert value("connector_onfido_call_seconds_count", **labels) == before + 1


class TestAttempts:
    @pytest.mark.parametrize(
        ("error", "result"),
        [
            (None, "ok"),
            (OnfidoError(Code.ONFIDO_UNREACHABLE, "It did not answer."), "OIDV-10046"),
            (DatabaseUnavailable("It is down."), "failed"),
            (ZeroDivisionError(), "failed"),
        ],
    )
    def test_every_attempt_is_counted_once_by_its_result(self, error: Exception | None, result: str) -> None:
        labels = {"operation": "initiate", "result": result}
        before = value("connector_attempts_total", **labels)
        expected = pytest.raises(type(error)) if error else nullcontext()
        with expected, counted("initiate"):
            if error is not None:
                raise error
        assert value("connector_attempts_total", **labels) == before + 1


@pytest.fixture
def services(settings: Settings, clock: Clock) -> Iterator[Services]:
    opened = create_services(settings, clock)
    yield opened
    opened.close()


class TestBacklog:
    def test_an_empty_database_has_no_backlog(self, services: Services) -> None:
        read = services.backlog.read()
        assert (read.rows, read.oldest_due, read.sweep_lag) == ({}, {"work": 0.0, "notices": 0.0}, 0.0)

    def test_the_backlog_is_as_old_as_its_oldest_due_delivery(self, services: Services) -> None:
        with services.database.write() as connection:
            for key in ("a", "b", "c"):
                outbox.add(connection, Sweep(), dedupe_key=key)
        with services.database.write() as connection:
            for key, seconds in (("a", -90), ("b", -500), ("c", 86_400)):
                of_key = update(outbox_table).where(outbox_table.c.dedupe_key == key)
                connection.execute(of_key.values(due_at=from_now(seconds)))
        read = services.backlog.read()
        assert read.rows == {"ready": 3}
        assert 495 < read.oldest_due["work"] < 700
        assert read.oldest_due["notices"] == 0.0

    def test_an_unreachable_database_is_reported_and_the_other_metrics_shown(self) -> None:
        def away() -> None:
            raise DatabaseUnavailable("It is down.")

        text = exposition(away).decode()  # type: ignore[arg-type]
        assert "connector_database_up 0.0" in text
        assert "connector_runs_orphaned_total" in text
        assert "connector_sweep_lag_seconds" not in text


# Counts in a process of its own, which then ends without a word.
COUNTING = """
import os, sys
from connector import metrics
metrics.EVENTS.labels("applied").inc(int(sys.argv[1]))
metrics.EVENT_AGE.observe(2)
metrics.CIRCUIT_OPEN.labels("api.eu.onfido.com").set(1)
print(os.getpid())
"""
SCRAPING = """
import sys
from connector.metrics import processes
for pid in sys.argv[1:]:
    processes.forget(int(pid))
sys.stdout.write(processes.exposition().decode())
"""


class TestSeveralProcesses:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Callable[..., str]:
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

        def run(script: str, *arguments: str) -> str:
            command = [sys.executable, "-c", script, *arguments]
            return subprocess.run(
                command, env=environ, capture_output=True, text=True, timeout=60, check=True
            ).stdout.strip()

        return run

    def test_counts_of_ended_processes_are_kept_and_their_files_removed(
        self, run: Callable[..., str], tmp_path: Path
    ) -> None:
        pids = [run(COUNTING, str(number)) for number in (1, 2, 3)]
        first = run(SCRAPING)
        assert 'connector_events_total{state="applied"} 6.0' in first
        assert 'connector_onfido_circuit_open{host="api.eu.onfido.com"} 1.0' in first

        text = run(SCRAPING, *pids[:2])
        text = run(SCRAPING, *pids)
        assert 'connector_events_total{state="applied"} 6.0' in text
        assert "connector_event_age_seconds_count 3.0" in text
        assert 'connector_event_age_seconds_bucket{le="5.0"} 3.0' in text
        assert "connector_onfido_circuit_open{" not in text
        left = {path.name for path in tmp_path.iterdir() if any(path.stem.endswith(f"_{pid}") for pid in pids)}
        assert left == set()

    def test_a_start_removes_only_files_of_killed_processes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(metrics_directory, "scratch_dir", lambda: str(tmp_path))
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
        stale, alive, foreign = (tmp_path / f"connector-metrics-{name}" for name in ("stale", "alive", "foreign"))
        for directory in (stale, alive, foreign):
            directory.mkdir()
        for directory in (stale, alive):
            (directory / "owner.lock").touch()
        with (alive / "owner.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with metrics_directory.shared_by(2):
                ours = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
                assert ours.is_dir()
                assert (stale.exists(), alive.exists(), foreign.exists()) == (False, True, True)
        assert not ours.exists()
        assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ

    def test_a_single_process_shares_no_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
        with metrics_directory.shared_by(1):
            assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
