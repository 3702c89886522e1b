"""A flood of refused posts: each is counted, and a process writes to the database once per interval."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.tenancy import DEFAULT_TENANT
from connector.services.refusals.refused_posts import RefusedPostCounts
from connector.store.engine import Database
from connector.store.providers import refused_posts
from tests.databases import insert_provider
from tests.harness import Clock
from tests.listening import statements
from tests.processes import PROGRAM, running
from tests.store.refusing import refusing_writes
from tests.waiting import wait_until

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ID = "0b9c8e1e-0000-4000-8000-000000000001"
GONE = "0b9c8e1e-0000-4000-8000-000000000002"
LONG = 3600.0  # seconds: longer than any test
FLOOD = """
import sys
from datetime import UTC, datetime
from connector.services.refusals.refused_posts import RefusedPostCounts
from connector.store.engine import Database
database = Database(sys.argv[1])
counts = RefusedPostCounts(database, lambda: datetime.now(UTC), 3600.0)
for number in range(1000):
    counts.count(sys.argv[2], "wrong_signature" if number % 2 else "no_signature")
counts.close()
database.close()
"""


@pytest.fixture
def provider(database: Database) -> str:
    return insert_provider(database, ID, DEFAULT_TENANT, NOW)


def stored(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {each.cause: each.number for each in refused_posts.find(connection, DEFAULT_TENANT)}


def flood(counts: RefusedPostCounts, provider: str, number: int) -> None:
    for _ in range(number):
        counts.count(provider, "wrong_signature")


def test_a_flood_of_posts_from_many_threads_is_counted_in_two_writes(database: Database, provider: str) -> None:
    counts = RefusedPostCounts(database, lambda: NOW, LONG)
    with statements("INSERT INTO refused_posts") as sent:
        threads = [threading.Thread(target=flood, args=(counts, provider, 2000)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: bool(sent))  # the first is written at once, by the counter's own thread
        counts.close()
    assert stored(database) == {"wrong_signature": 8000}
    assert len(sent) <= 2


def test_the_counts_of_several_processes_are_added(database: Database, database_url: str, provider: str) -> None:
    command = [*PROGRAM, FLOOD, database_url, provider]
    with ExitStack() as stack:
        processes = [stack.enter_context(running(command)) for _ in range(3)]
        assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert stored(database) == {"wrong_signature": 1500, "no_signature": 1500}


@pytest.mark.one_database
def test_counts_of_an_interval_are_written_at_its_end(database: Database, provider: str) -> None:
    counts = RefusedPostCounts(database, lambda: NOW, 0.2)
    with statements("INSERT INTO refused_posts") as sent:
        for _ in range(3):
            counts.count(provider, "no_signature")
            wait_until(lambda: bool(stored(database)))
        wait_until(lambda: stored(database) == {"no_signature": 3})
        assert len(sent) <= 3
    counts.close()


def test_posts_to_an_unknown_provider_are_not_counted(database: Database, provider: str) -> None:
    counts = RefusedPostCounts(database, lambda: NOW, LONG)
    for each in (GONE, provider, "x" * 300):
        counts.count(each, "too_large")
    counts.close()
    assert stored(database) == {"too_large": 1}


def test_counts_that_could_not_be_written_are_kept(database: Database, database_url: str, provider: str) -> None:
    clock = Clock()
    counts = RefusedPostCounts(database, clock, LONG)
    with refusing_writes(database_url):
        counts.count(provider, "unreadable")
        clock.advance(60)
        counts.count(provider, "unreadable")
        counts.write()
    for _ in range(3):  # PostgreSQL has ended the connections of then
        counts.write()
    counts.close()
    with database.read() as connection:
        [row] = refused_posts.find(connection, DEFAULT_TENANT)
    assert row.number == 2
    assert row.last_at - row.first_at >= timedelta(seconds=60)


@pytest.mark.one_database
def test_the_counts_in_memory_are_limited(database: Database, provider: str) -> None:
    counts = RefusedPostCounts(database, lambda: NOW, LONG, most=1)
    counts.close()  # so that nothing is written meanwhile
    counts.count(GONE, "too_large")
    counts.count(provider, "too_large")  # there is room for one provider and cause
    counts.write()
    assert stored(database) == {}
    counts.count(provider, "too_large")
    counts.write()
    assert stored(database) == {"too_large": 1}
