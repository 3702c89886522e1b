"""PostgreSQL's limits, compared with the pools of the processes that run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from connector.bootstrap import Services, create_services
from connector.domain.tenancy import DEFAULT_TENANT
from connector.installation.connections import check_connections, needed_connections, of_serve, of_worker
from connector.process.heartbeat import SERVE, WORKER
from connector.services.processes import Starting
from connector.settings import Settings
from connector.store.engine import MOST_CONNECTIONS
from tests.databases import execute
from tests.patience import patient_settings


@contextmanager
def opened(directory: Path, url: str, **changes: object) -> Iterator[Services]:
    (data_dir := directory / "data").mkdir(mode=0o700, exist_ok=True)
    with closing(create_services(patient_settings(data_dir, url, **changes))) as services:
        yield services


def start(services: Services, role: str, number: int) -> None:
    for _ in range(number):
        services.processes.register(Starting(role, "host", 1, DEFAULT_TENANT, {}, {}))


def test_running_processes_are_counted_or_otherwise_those_of_the_settings(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    url = new_database("postgresql")
    with opened(tmp_path, url, workers=3) as services:
        settings = services.settings
        assert needed_connections(services) == 3 * of_serve(settings) + of_worker(settings) + 5
        check = check_connections(services)
        assert check is not None
        assert check.passed is True
        start(services, SERVE, 1)
        start(services, WORKER, 2)
        assert needed_connections(services) == of_serve(settings) + 2 * of_worker(settings) + 5


def test_too_many_processes_for_the_server_are_reported_with_advice(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    with opened(tmp_path, new_database("postgresql"), threads=64) as services:
        start(services, SERVE, 20)
        check = check_connections(services)
        with services.database.read() as connection:
            limit = int(connection.execute(text("SHOW max_connections")).scalar_one())
    assert check is not None
    assert check.is_warning
    assert f"`max_connections` is {limit}" in check.detail
    assert "set `max_connections` to at least" in check.detail


def test_a_limit_of_the_database_counts_too(tmp_path: Path, new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    execute(url, f'ALTER DATABASE "{make_url(url).database}" CONNECTION LIMIT 12')
    with opened(tmp_path, url) as services:
        check = check_connections(services)
    assert check is not None
    assert check.is_warning
    assert "admits 12" in check.detail
    assert "ALTER DATABASE" in check.detail


@pytest.mark.parametrize(("threads", "worker_threads"), [(1, 1), (8, 4), (128, 64)])
def test_a_process_opens_no_more_connections_than_its_pool(threads: int, worker_threads: int) -> None:
    settings = Settings(threads=threads, worker_threads=worker_threads)
    assert 2 * threads < of_serve(settings) or of_serve(settings) == MOST_CONNECTIONS
    assert of_worker(settings) <= MOST_CONNECTIONS + 1


def test_sqlite_has_no_limit_of_connections(tmp_path: Path, new_database: Callable[[str], str]) -> None:
    with opened(tmp_path, new_database("sqlite")) as services:
        assert check_connections(services) is None
