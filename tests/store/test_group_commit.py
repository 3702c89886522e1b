"""SQLite's writers that wait in one process share a transaction: none returns before its commit, each fails alone."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from connector.errors import DatabaseUnavailable
from connector.store.engine import Database
from connector.store.group_commit import GroupCommit
from connector.store.writer_queue import WriterQueue
from tests.waiting import GENEROUS, wait_until

Write = Callable[[Connection], None]
KILLED = """
import os, signal, sys, threading
from sqlalchemy import text
from connector.store.engine import Database

database = Database(sys.argv[1])
has_begun = threading.Event()

def first():
    with database.write() as connection:
        connection.execute(text("INSERT INTO rows VALUES ('first')"))
        has_begun.set()
        while not database._queue.waiting:
            pass
    print("returned", flush=True)

def second():
    has_begun.wait()
    with database.write() as connection:
        print(connection.execute(text("SELECT name FROM rows")).scalar(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

for each in (first, second):
    threading.Thread(target=each).start()
"""


class Writers:
    """Threads that write to a table of names, on a database whose transactions are shared as long as the test wants."""

    def __init__(self, database: Database, pool: ThreadPoolExecutor, longest: float) -> None:
        assert database.path is not None
        self.database = database
        self.queue = WriterQueue(database.path)
        self.commits = 0
        self._group_commit = GroupCommit(database._writer_engine, self.queue, lambda: None, longest)
        self._pool = pool
        event.listen(database._writer_engine, "commit", self._count)

    def write(self, body: Write, *, may_share: bool = True, patience: float = GENEROUS) -> None:
        with self._group_commit.transaction(patience, may_share=may_share) as connection:
            body(connection)

    def start(self, body: Write, *, may_share: bool = True, patience: float = GENEROUS) -> Future[None]:
        """Write in a thread; return once that thread has its turn, or stands in line."""
        waiting, has_turn = self.queue.waiting, threading.Event()

        def note(connection: Connection) -> None:
            has_turn.set()
            body(connection)

        writing = self._pool.submit(self.write, note, may_share=may_share, patience=patience)
        wait_until(lambda: has_turn.is_set() or self.queue.waiting > waiting)
        return writing

    def stored(self) -> set[str]:
        with self.database.read() as connection:
            return set(connection.execute(text("SELECT name FROM rows")).scalars())

    def _count(self, _: Connection) -> None:
        self.commits += 1


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/shared.db")
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE rows (name VARCHAR NOT NULL)"))
    yield opened
    opened.close()


@contextmanager
def open_writers(database: Database, longest: float = 10 * GENEROUS) -> Iterator[Writers]:
    with ThreadPoolExecutor(8) as pool:
        made = Writers(database, pool, longest)
        yield made
        made.queue.close()


@pytest.fixture
def writers(database: Database) -> Iterator[Writers]:
    with open_writers(database) as made:
        yield made


def adding(*names: str) -> Write:
    def add(connection: Connection) -> None:
        for name in names:
            connection.execute(text("INSERT INTO rows VALUES (:name)"), {"name": name})

    return add


def failing(error: BaseException, *names: str) -> Write:
    def fail(connection: Connection) -> None:
        adding(*names)(connection)
        raise error

    return fail


@contextmanager
def held(writers: Writers, body: Write) -> Iterator[Future[None]]:
    """Start a writer that keeps its turn meanwhile, and writes at the end."""
    go_on = threading.Event()

    def wait(connection: Connection) -> None:
        assert go_on.wait(GENEROUS)
        body(connection)

    writing = writers.start(wait)
    yield writing
    go_on.set()


def test_writers_that_wait_share_a_commit_and_none_returns_or_is_seen_before_it(writers: Writers) -> None:
    seen: list[set[str]] = []
    returned: list[bool] = []

    def look(connection: Connection) -> None:
        seen.extend((set(connection.execute(text("SELECT name FROM rows")).scalars()), writers.stored()))
        returned.extend(each.done() for each in others)
        adding("last")(connection)

    with held(writers, adding("first")) as first:
        others = [first, *(writers.start(adding(f"other {at}")) for at in range(4))]
        last = writers.start(look)
    for each in (*others, last):
        each.result(GENEROUS)
    together = {"first", *(f"other {at}" for at in range(4))}
    assert seen == [together, set()]
    assert returned == [False] * 5
    assert writers.stored() == {*together, "last"}
    assert writers.commits == 1


def test_a_writer_for_whom_nobody_waits_commits_at_once(writers: Writers) -> None:
    for at in range(3):
        writers.write(adding(str(at)))
    assert writers.commits == 3


@pytest.mark.parametrize("error", [ValueError("refused"), KeyboardInterrupt()], ids=["refusal", "interruption"])
@pytest.mark.parametrize("position", range(3))
def test_a_writer_that_fails_undoes_only_what_it_wrote_itself(
    writers: Writers, position: int, error: BaseException
) -> None:
    bodies = [adding(f"writer {at}") for at in range(3)]
    bodies[position] = failing(error, "undone", "undone too")
    with held(writers, bodies[0]) as first:
        started = [first, writers.start(bodies[1]), writers.start(bodies[2])]
    for at, each in enumerate(started):
        if at == position:
            assert each.exception(GENEROUS) is error
        else:
            each.result(GENEROUS)
    assert writers.stored() == {f"writer {at}" for at in range(3) if at != position}
    writers.write(adding("afterwards"))
    assert "afterwards" in writers.stored()


def test_all_fail_if_their_commit_fails(writers: Writers) -> None:
    def fail(_: Connection) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    event.listen(writers.database._writer_engine, "commit", fail)
    with held(writers, adding("first")) as first:
        second = writers.start(adding("second"))
    for each in (first, second):
        with pytest.raises(DatabaseUnavailable, match="disk I/O error"):
            each.result(GENEROUS)
    event.remove(writers.database._writer_engine, "commit", fail)
    assert writers.stored() == set()
    writers.write(adding("afterwards"))
    assert writers.stored() == {"afterwards"}


def test_if_sqlite_undoes_the_transaction_all_who_wrote_fail_and_the_next_one_succeeds(writers: Writers) -> None:
    """As it does when the disk is full; an application cannot fill the disk at the right moment, but roll back."""

    def roll_back(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with held(writers, adding("first")) as first:
        second, third = writers.start(roll_back), writers.start(adding("third"))
    with pytest.raises(OperationalError):
        second.result(GENEROUS)
    with pytest.raises(DatabaseUnavailable, match="disk is full"):
        first.result(GENEROUS)
    third.result(GENEROUS)
    assert writers.stored() == {"third"}


@pytest.mark.parametrize("position", [0, 1])
def test_a_ctrl_c_in_the_middle_of_a_statement_is_raised_as_such_and_the_next_writer_succeeds(
    writers: Writers, position: int
) -> None:
    def interrupt(*_: object) -> None:
        event.remove(writers.database._writer_engine, "after_cursor_execute", interrupt)
        raise KeyboardInterrupt

    def be_interrupted(connection: Connection) -> None:
        event.listen(writers.database._writer_engine, "after_cursor_execute", interrupt)
        adding("interrupted")(connection)

    bodies = [adding("first"), adding("second")]
    bodies[position] = be_interrupted
    with held(writers, bodies[0]) as first:
        second = writers.start(bodies[1])
    interrupted, other = [second, first] if position else [first, second]
    with pytest.raises(KeyboardInterrupt):
        interrupted.result(GENEROUS)
    is_lost = position == 1  # SQLAlchemy closes an interrupted connection, with what was written before
    assert isinstance(other.exception(GENEROUS), DatabaseUnavailable) is is_lost
    writers.write(adding("afterwards"))
    assert writers.stored() == {"afterwards"} | (set() if is_lost else {"second"})


def test_nobody_is_told_that_a_transaction_is_stored_if_a_member_ended_it(writers: Writers) -> None:
    def roll_back(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")

    with held(writers, adding("first")) as first:
        second = writers.start(roll_back)
    for each in (first, second):
        with pytest.raises(DatabaseUnavailable, match="interrupted"):
            each.result(GENEROUS)
    assert writers.stored() == set()


def test_a_writer_that_gave_up_is_not_waited_for(writers: Writers) -> None:
    with held(writers, adding("first")) as first, pytest.raises(DatabaseUnavailable):
        writers.write(adding("too late"), patience=0.01)
    first.result(GENEROUS)
    assert writers.stored() == {"first"}


@pytest.mark.parametrize("is_alone", ["first", "second"])
def test_a_transaction_with_its_own_limit_is_not_shared(writers: Writers, is_alone: str) -> None:
    go_on, stored = threading.Event(), set[str]()

    def wait(connection: Connection) -> None:
        assert go_on.wait(GENEROUS)
        adding("first")(connection)

    def look(_: Connection) -> None:
        stored.update(writers.stored())

    first = writers.start(wait, may_share=is_alone != "first")
    second = writers.start(look, may_share=is_alone != "second")
    go_on.set()
    for each in (first, second):
        each.result(GENEROUS)
    assert stored == {"first"}


def test_nobody_joins_a_transaction_whose_first_writer_has_waited_too_long(database: Database) -> None:
    with open_writers(database, longest=0) as writers:
        with held(writers, adding("first")) as first:
            second = writers.start(adding("second"))
        for each in (first, second):
            each.result(GENEROUS)
        assert writers.commits == 2


def test_who_waits_for_a_shared_transaction_that_does_not_end_gives_up(writers: Writers) -> None:
    go_on, has_given_up = threading.Event(), threading.Event()

    def wait(_: Connection) -> None:
        assert has_given_up.wait(GENEROUS)

    def write_first(connection: Connection) -> None:
        assert go_on.wait(GENEROUS)
        adding("first")(connection)

    first = writers.start(write_first, patience=0.05)
    second = writers.start(wait)
    go_on.set()
    with pytest.raises(DatabaseUnavailable, match="not ended in time"):
        first.result(GENEROUS)
    has_given_up.set()
    second.result(GENEROUS)


def test_what_a_killed_process_had_not_committed_was_never_reported_as_stored(database: Database) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, f"sqlite:///{database.path}"],
        capture_output=True,
        text=True,
        timeout=GENEROUS,
        check=False,
    )
    assert (killed.returncode, killed.stdout) == (-9, "first\n"), killed.stderr
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM rows")).scalar() == 0


def test_exactly_what_was_reported_is_stored_when_many_write_and_some_fail(database: Database) -> None:
    def write(number: int) -> set[str]:
        chance, reported = random.Random(number), set[str]()
        for at in range(40):
            name = f"{number} {at}"
            with suppress(ValueError):
                with database.write() as connection:
                    adding(name)(connection)
                    if chance.random() < 0.3:
                        raise ValueError
                reported.add(name)
        return reported

    with ThreadPoolExecutor(8) as pool:
        reported = set[str]().union(*pool.map(write, range(8)))
    with database.read() as connection:
        stored = connection.execute(text("SELECT name FROM rows")).scalars().all()
    assert sorted(stored) == sorted(reported)
