"""Workers as separate processes, on a database that web processes use at the same time."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from connector.services.outbox import LEASE
from connector.settings import Settings
from connector.store.deliveries import outbox
from connector.store.deliveries.outbox import DONE
from connector.store.engine import Database
from connector.store.models import outbox as outbox_table
from tests.faults.deployment import Deployment
from tests.forked import Forked
from tests.services.ageing import let_pass
from tests.services.relaying import Record
from tests.waiting import wait_until

NUMBER = 4_000


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    return own_settings


@contextmanager
def worker(
    settings: Settings,
    notes: Path,
    stuck_at: int | None = None,
    threads: int = 2,
    step_size: int | None = None,
) -> Iterator[Forked]:
    """Run a worker, which is stopped at the end if it still runs; `step_size` limits the rows of a job's step."""
    orders = {
        "data_dir": str(settings.data_dir),
        "database_url": settings.database_url,
        "notes": str(notes),
        "stuck_at": stuck_at,
        "threads": threads,
        "step_size": step_size,
        "signals": asdict(settings.signals),
    }
    with Forked("tests.services.relaying", json.dumps(orders), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert next_line(process) == "ready"
            yield process
        finally:
            process.terminate()
            process.wait(60)


def next_line(process: Forked) -> str:
    assert process.stdout
    return str(process.stdout.readline().strip())


def put(database: Database, number: int) -> None:
    with database.write() as connection:
        outbox.add_all(connection, [Record(each) for each in range(number)])


def delivered(database: Database) -> int:
    statement = select(func.count()).where(outbox_table.c.kind == Record.kind, outbox_table.c.state == DONE)
    with database.read() as connection:
        return int(connection.execute(statement).scalar_one())


def all_answer(servers: Deployment) -> bool:
    return all(requests.get(f"{url}/healthz", timeout=60).ok for url in servers.urls)


def numbers(*notes: Path) -> list[int]:
    return sorted(int(line) for note in notes if note.exists() for line in note.read_text().splitlines())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_workers_and_two_servers_deliver_every_row_once(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    notes = [tmp_path / "first", tmp_path / "second"]
    environ = {
        "CONNECTOR_DATA_DIR": str(settings.data_dir),
        "CONNECTOR_DATABASE_URL": settings.database_url,
        "CONNECTOR_WORKER_IN_SERVER": "always",
    }
    servers = Deployment(environ, tmp_path, webs=2, workers=0)
    try:
        servers.start()
        with worker(settings, notes[0]), worker(settings, notes[1]):
            put(database, NUMBER)
            wait_until(lambda: all_answer(servers) and delivered(database) == NUMBER)
    finally:
        servers.stop()

    assert numbers(*notes) == list(range(NUMBER))
    assert all(numbers(each) for each in notes), "both have done their part"


def test_the_delivery_of_a_killed_worker_is_taken_over_after_its_lease(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    notes = [tmp_path / "killed", tmp_path / "heir"]
    put(database, 3)
    with worker(settings, notes[0], stuck_at=1, threads=1) as killed:
        assert next_line(killed) == "stuck"
        killed.kill()
        killed.wait(60)
    with worker(settings, notes[1]) as heir:
        time.sleep(0.5)
        assert (heir.poll(), delivered(database)) == (None, 0), "the lease of the whole batch still holds"
        let_pass(database, timedelta(seconds=LEASE))
        wait_until(lambda: delivered(database) == 3)

    assert set(numbers(*notes)) == {0, 1, 2}
    assert 1 in numbers(notes[1])


def test_a_stopped_worker_leaves_no_leases(settings: Settings, database: Database, tmp_path: Path) -> None:
    notes = tmp_path / "stopped"
    put(database, 2000)
    with worker(settings, notes):
        wait_until(lambda: delivered(database))

    with database.write() as connection:
        left = outbox.lease(connection, "another", [Record.kind], limit=2000, seconds=1)
    assert {delivery.attempts for delivery in left} <= {1}
    assert sorted([*numbers(notes), *(delivery.payload["number"] for delivery in left)]) == list(range(2000))
