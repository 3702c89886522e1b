"""Checks that may hang: one at a time, and no caller waits for one that is overdue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import requests

from connector.errors import DatabaseUnavailable
from connector.services import timed_check
from connector.services.backlog import BacklogReader
from connector.services.health import UNREACHABLE, Health
from connector.services.timed_check import Overdue, TimedCheck
from connector.store.engine import PATIENCE, Database
from tests.faults.deployment import Deployment
from tests.harness import Clock
from tests.postgresql_proxy import PostgresqlProxy
from tests.waiting import GENEROUS, wait_until

pytestmark = pytest.mark.one_database


class Held:
    """A check that ends when it is released."""

    def __init__(self) -> None:
        self.number = 0
        self.is_released = threading.Event()

    def __call__(self) -> int:
        self.number += 1
        self.is_released.wait(GENEROUS)
        return self.number


@pytest.fixture
def stopping(new_database: Callable[[str], str]) -> Iterator[PostgresqlProxy]:
    """A proxy in front of PostgreSQL that can stop."""
    proxy = PostgresqlProxy(new_database("postgresql"))
    yield proxy
    proxy.passes_on.set()
    proxy.close()


@pytest.fixture
def held() -> Iterator[Held]:
    check = Held()
    yield check
    check.is_released.set()


def test_calls_during_a_check_get_its_result(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[object] = []

    def join(results: list[Future[int]], seconds: float) -> None:
        joined.append(results)
        wait(results, seconds)

    monkeypatch.setattr(timed_check, "wait", join)
    check = TimedCheck(held, GENEROUS)
    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(check.result) for _ in range(3)]
        wait_until(lambda: len(joined) == 3)  # a call that begins after the check's end makes another one
        held.is_released.set()
        assert [each.result(GENEROUS) for each in results] == [1, 1, 1]
    assert check.result() == 2


def test_no_call_waits_for_a_check_that_is_overdue_and_none_starts_another(held: Held) -> None:
    check = TimedCheck(held, 0.1)
    for _ in range(20):
        with pytest.raises(Overdue):
            check.result()
    assert held.number == 1
    held.is_released.set()
    wait_until(lambda: succeeds(check))
    assert held.number == 2


def succeeds(check: TimedCheck[int]) -> bool:
    try:
        return check.result() == 2
    except Overdue:
        return False


@pytest.mark.parametrize("error", [KeyError, TimeoutError])
def test_an_error_of_the_check_is_its_result(error: type[Exception]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(error):
        TimedCheck(fail, GENEROUS).result()


def test_readiness_and_metrics_do_not_wait_for_a_silent_database(stopping: PostgresqlProxy) -> None:
    """Otherwise probes would take both threads that also report that the process is alive."""
    database = Database(stopping.url)
    health, backlog = Health(database, 0.2), BacklogReader(database, Clock(), 0.2)
    wait_until(lambda: health.problem() is None)
    wait_until(lambda: is_read(backlog))

    stopping.passes_on.clear()
    for _ in range(50):
        assert health.problem() == UNREACHABLE
        assert not is_read(backlog)
    assert sum(each.name == "check" for each in threading.enumerate()) <= 3

    stopping.passes_on.set()
    wait_until(lambda: health.problem() is None)
    wait_until(lambda: is_read(backlog))
    database.close()


def is_read(backlog: BacklogReader) -> bool:
    try:
        return backlog.read().sweep_lag == 0
    except DatabaseUnavailable:
        return False


def test_a_process_reports_that_it_is_alive_while_its_database_is_silent(
    stopping: PostgresqlProxy, tmp_path: Path
) -> None:
    environ = {
        "CONNECTOR_DATA_DIR": str(tmp_path / "data"),
        "CONNECTOR_DATABASE_URL": stopping.url,
        "CONNECTOR_WORKER_IN_SERVER": "never",
    }
    deployment = Deployment(environ, tmp_path, webs=1, workers=0)
    try:
        deployment.start_processes()
        [url] = deployment.urls
        stopping.passes_on.clear()
        began = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            ready = [pool.submit(requests.get, f"{url}/readyz", timeout=GENEROUS) for _ in range(6)]
            assert [each.result().status_code for each in ready] == [503] * 6
        assert requests.get(f"{url}/healthz", timeout=GENEROUS).json() == {"status": "alive"}
        assert time.monotonic() - began < PATIENCE / 2, "within the time that one exchange with the database may take"
        stopping.passes_on.set()
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=GENEROUS).ok)
    finally:
        deployment.kill()
