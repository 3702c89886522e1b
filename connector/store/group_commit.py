"""Group commit: SQLite's writers that wait in the same process share one transaction, and so one wait for the disk.

    A writes ─┐ B waits: the turn is handed to B
              └─ B writes (a savepoint) ─┐ nobody waits
                                         └─ COMMIT, on disk ──► A and B return

Nobody else sees what was written before the commit, and no writer returns before it. A writer that fails undoes its own
statements only; if the commit fails, all of them fail. The disk takes longer than the statements of most transactions,
so the group is what several threads gain; a writer for which nobody waits commits at once, as it would without it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from connector.store import batch
from connector.store.availability import Unavailable, driver_words
from connector.store.writer_queue import Place, WriterQueue

LONGEST = 0.02  # seconds from the first writer's end, after which nobody joins: it waits for those who do
INTERRUPTED = "the transaction was interrupted"
BEGIN, SAVEPOINT = "BEGIN IMMEDIATE", "SAVEPOINT writer"
UNDO = ("ROLLBACK TO writer", "RELEASE writer")


class GroupCommit:
    """The writers of this process."""

    def __init__(self, engine: Engine, queue: WriterQueue, check: Callable[[], None], longest: float = LONGEST) -> None:
        self._engine = engine
        self._queue = queue
        self._check = check
        self._longest = longest
        self._group: _Group | None = None  # of the thread whose turn it is

    @contextmanager
    def transaction(self, patience: float, *, may_share: bool) -> Iterator[Connection]:
        """Open a transaction when it is this thread's turn; it is committed when this ends, rolled back on an error.

        Raises `DatabaseUnavailable` if there is no turn, or a shared transaction does not end, within `patience`
        seconds.
        """
        place, group = Place(may_share=may_share), None
        try:
            self._queue.enter(place, patience)
            group = self._group = self._group or self._begin()
            with group.member() as connection:
                yield connection
        finally:
            if place.is_first.is_set():
                self._end_turn(may_share)
        group.wait(patience)

    def _begin(self) -> _Group:
        self._check()
        return _Group(self._engine)

    def _end_turn(self, may_share: bool) -> None:
        """Hand the turn to the next writer, or commit and leave it."""
        group = self._group
        if group and may_share and group.can_grow(self._longest) and self._queue.hand_over():
            return
        self._group = None
        try:
            if group:
                group.end()
        finally:
            self._queue.leave()


class _Group:
    """A transaction of several writers, who write one after another."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self._members = 0  # who have written, and wait for the commit
        self._waits_since = 0.0
        self._lost: SQLAlchemyError | None = None  # why what they wrote is lost
        self._is_committed = False
        self._has_ended = threading.Event()
        try:
            self._connection.begin()
            self._connection.exec_driver_sql(BEGIN)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def member(self) -> Iterator[Connection]:
        """Open the transaction for one more writer."""
        if self._members:
            self._connection.exec_driver_sql(SAVEPOINT)
        try:
            yield self._connection
        except BaseException as error:
            if not self._connection.invalidated:  # by which a Ctrl-C in the middle of a statement has ended it
                batch.forget(self._connection.info)
            self._undo(error)
            raise
        if self._members == 0:
            self._waits_since = time.monotonic()
        self._members += 1

    def can_grow(self, longest: float) -> bool:
        """Whether another writer may join: somebody waits for the commit, but not for long, and nothing is lost."""
        return self._members > 0 and self._lost is None and time.monotonic() - self._waits_since < longest

    def end(self) -> None:
        """Commit what was written, if it is not lost, and let the members return."""
        try:
            if self._members and self._lost is None:
                self._commit()
        except SQLAlchemyError as error:
            self._lost = error
        finally:
            self._close()

    def wait(self, seconds: float) -> None:
        """Wait until the transaction has ended; raise `DatabaseUnavailable` if it is not known to be stored."""
        if not self._has_ended.wait(seconds):
            raise Unavailable("a shared transaction has not ended in time, and may be stored or not")
        if not self._is_committed:
            words = driver_words(self._lost) if self._lost else INTERRUPTED
            raise Unavailable(words) from self._lost

    def _undo(self, cause: BaseException) -> None:
        """Undo what the present writer wrote. If the disk is full, SQLite has undone everything, and this fails."""
        if self._members == 0:
            return  # the end rolls back
        self._lost = cause if isinstance(cause, SQLAlchemyError) else Unavailable(INTERRUPTED)
        with suppress(SQLAlchemyError):
            for statement in UNDO:
                self._connection.exec_driver_sql(statement)
            self._lost = None

    def _commit(self) -> None:
        if not self._connection.connection.in_transaction:  # the driver would report success
            raise Unavailable(INTERRUPTED)
        self._connection.commit()
        self._is_committed = True

    def _close(self) -> None:
        try:
            with self._connection as connection:
                if not self._is_committed:
                    connection.rollback()
        finally:
            self._has_ended.set()
