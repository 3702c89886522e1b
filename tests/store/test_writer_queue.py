"""The turns of SQLite's writers: the wait for a process that was stopped in its turn is limited."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import DatabaseUnavailable
from connector.services.health import Health
from connector.store.engine import Database
from connector.store.people import users
from connector.store.writer_queue import WriterQueue
from tests.processes import running
from tests.waiting import GENEROUS, wait_until

STOP_IN_TURN = """
import os, signal, sys
from pathlib import Path
from connector.store.writer_queue import WriterQueue
with WriterQueue(Path(sys.argv[1])).turn(60):
    os.kill(os.getpid(), signal.SIGSTOP)
"""
IMPATIENCE = 0.2  # seconds


@pytest.fixture
def path(sqlite_template: Path, tmp_path: Path) -> Path:
    """A migrated database."""
    path = tmp_path / "queued.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


@contextmanager
def stopped_in_turn(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that is stopped while it has the turn."""
    command = [sys.executable, "-c", STOP_IN_TURN, str(path)]
    with running(command) as process:
        state = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert state is not None
        assert state.si_code == os.CLD_STOPPED
        yield process


@contextmanager
def opened(path: Path, patience: float) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}", patience=patience)
    yield database
    database.close()


def add(database: Database, user_id: str) -> None:
    with database.write() as connection:
        users.add(connection, "acme", user_id, datetime.now(UTC))


def test_each_thread_gives_up_when_another_process_is_stopped_in_its_turn(path: Path) -> None:
    with stopped_in_turn(path), opened(path, IMPATIENCE) as database:

        def is_given_up(_: int) -> bool:
            with pytest.raises(DatabaseUnavailable):
                add(database, "ann")
            return True

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(is_given_up, range(8)))


def test_a_database_is_unhealthy_while_another_process_is_stopped_in_its_turn(path: Path) -> None:
    with opened(path, IMPATIENCE) as database:
        health = Health(database)
        with stopped_in_turn(path):
            wait_until(lambda: health.problem() == "The database accepts no writes.")
        wait_until(lambda: health.problem() is None)


def test_a_database_is_unhealthy_although_writers_still_wait_for_a_process_that_is_stopped_in_its_turn(
    path: Path,
) -> None:
    with opened(path, 10 * GENEROUS) as database:
        health = Health(database, write_patience=IMPATIENCE)
        with stopped_in_turn(path):
            wait_until(lambda: health.problem() == "The database accepts no writes.")
        wait_until(lambda: health.problem() is None)


def test_a_reader_does_not_wait_for_a_process_that_is_stopped_in_its_turn(path: Path) -> None:
    with stopped_in_turn(path), opened(path, IMPATIENCE) as database, database.read() as connection:
        assert not users.has(connection, "acme", "ann")


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL])
def test_writers_that_wait_have_their_turns_once_a_stopped_process_continues_or_is_killed(
    path: Path, number: int
) -> None:
    with stopped_in_turn(path) as process, opened(path, GENEROUS) as database, ThreadPoolExecutor(4) as pool:
        added = [pool.submit(add, database, f"user {at}") for at in range(4)]
        wait_until(lambda: is_locked(path, "next"))
        process.send_signal(number)
        for each in added:
            each.result(GENEROUS)


def test_a_writer_has_its_turn_after_others_gave_up_and_the_stopped_process_was_killed(path: Path) -> None:
    with closing(WriterQueue(path)) as queue, stopped_in_turn(path) as process:
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable), queue.turn(IMPATIENCE):
                pass
        process.kill()
        with queue.turn(GENEROUS):
            pass


def test_a_process_that_gave_up_leaves_the_turn_to_others(path: Path) -> None:
    with closing(WriterQueue(path)) as given_up, closing(WriterQueue(path)) as other:
        with other.turn(GENEROUS), pytest.raises(DatabaseUnavailable), given_up.turn(IMPATIENCE):
            pass
        assert not is_locked(path, "next")
        for queue in (other, given_up, other):
            with queue.turn(GENEROUS):
                pass


def test_a_process_that_has_waited_is_the_next_although_another_asks_at_once_again(path: Path) -> None:
    writers: list[str] = []

    def wait(queue: WriterQueue) -> None:
        with queue.turn(GENEROUS):
            writers.append("the one that waited")

    with closing(WriterQueue(path)) as waiting, closing(WriterQueue(path)) as busy, ThreadPoolExecutor(1) as pool:
        with busy.turn(GENEROUS):
            pool.submit(wait, waiting)
            wait_until(lambda: is_kept(path, "next"))
        with busy.turn(GENEROUS):
            writers.append("the busy one")
    assert writers == ["the one that waited", "the busy one"]


def test_processes_take_turns_while_they_give_up_again_and_again(path: Path) -> None:
    """Of several queues on one file, at most one is in its turn, whichever of its waits were given up."""
    inside: list[int] = []

    def take_turns(number: int) -> int:
        turns = 0
        with closing(WriterQueue(path)) as queue:
            for at in range(150):
                try:
                    with queue.turn(0.0005 * (at % 4)):
                        inside.append(number)
                        time.sleep(0.0005)
                        assert inside == [number]
                        inside.clear()
                        turns += 1
                except DatabaseUnavailable:
                    continue
        return turns

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take_turns, range(4))) > 0


def is_locked(path: Path, name: str) -> bool:
    """Whether another process, or another queue of this one, has locked one of the queue's files at this moment."""
    with path.with_name(f"{path.name}.{name}").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_kept(path: Path, name: str) -> bool:
    """Whether such a file is locked, and not only for one attempt."""
    for _ in range(10):
        if not is_locked(path, name):
            return False
        time.sleep(0.003)
    return True
