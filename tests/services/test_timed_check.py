"""Checks that may hang: one at a time, and no caller waits for one that is overdue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.errors import DatabaseUnavailable
from connector.services.backlog import BacklogReader
from connector.services.health import UNREACHABLE, Health
from connector.services.timed_check import Overdue, TimedCheck
from connector.store.engine import Database
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


def test_calls_during_a_check_get_its_result(held: Held) -> None:
    check = TimedCheck(held, GENEROUS)
    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(check.result) for _ in range(3)]
        wait_until(lambda: held.number == 1)
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
