"""The queue of SQLite's writers, of which it allows one at a time.

Writers that wait in its busy handler sleep and collide (p99 thirty times p50); here the threads of a process stand in
line, and the first one queues with other processes on two files:

    next ──► needed to try for the turn; a process that has waited for a while keeps it, so that it is the next one
    turn ──► held while one writes

Nothing waits in the kernel, which knows no limit, and no process is woken: each attempt is repeated until the limit.
The kernel frees both files when their process ends, however it ends; if a process is stopped, the others give up. A
thread may hand its process's turn to the next in line (`group_commit.py`).
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import ConfigurationError
from connector.store.availability import Unavailable

LOOK_AGAIN = 0.0005  # seconds between two attempts
BARGING = 0.05  # seconds in which others may be faster: each change of the process costs time
OTHERS_WRITE = "others write to the database all the time, or a process was stopped while it wrote"


class WriterQueue:
    """The turn to write: first in line among this process's threads, then among processes."""

    def __init__(self, database: Path) -> None:
        self._line = Line()
        try:
            database.touch(mode=0o600)
            self._next, self._turn = (_File(database.with_name(f"{database.name}.{name}")) for name in ("next", "lock"))
        except OSError as error:
            raise ConfigurationError(
                f"The database {database} cannot be opened ({error.strerror}): correct `database_url`, or its owner."
            ) from error

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:
        """Wait for the turn; raise `DatabaseUnavailable` after `patience` seconds."""
        place = Place()
        try:
            self.enter(place, patience)
            yield
        finally:
            if place.is_first.is_set():
                self.leave()

    def enter(self, place: Place, patience: float) -> None:
        """Wait for the turn at a place in line; raise `DatabaseUnavailable` after `patience` seconds.

        Even if this raises, the place may be the first one: its thread then has to end the turn.
        """
        end = time.monotonic() + patience
        self._line.enter(place, patience)
        if not place.is_first.is_set():
            raise Unavailable(OTHERS_WRITE)
        if not place.is_handed_over:
            self._wait_for_processes(end)

    @property
    def waiting(self) -> int:
        """The number of this process's threads in line."""
        return self._line.waiting

    def hand_over(self) -> bool:
        """Hand the turn to the next thread in line; return False if there is none, or it may not share."""
        return self._line.hand_over()

    def leave(self) -> None:
        """End the turn."""
        self._turn.unlock()
        self._line.leave()

    def _wait_for_processes(self, end: float) -> None:
        is_next_from = time.monotonic() + BARGING
        try:
            while not (self._next.try_lock() and self._turn.try_lock()):
                now = time.monotonic()
                if now >= end:
                    raise Unavailable(OTHERS_WRITE)
                if now < is_next_from:
                    self._next.unlock()
                time.sleep(LOOK_AGAIN)
        finally:
            self._next.unlock()

    def close(self) -> None:
        self._next.close()
        self._turn.close()


class Place:
    """A thread's place in line; `may_share` says whether it may be handed a turn together with what was begun in it."""

    def __init__(self, *, may_share: bool = False) -> None:
        self.may_share = may_share
        self.is_first = threading.Event()
        self.is_handed_over = False


class Line:
    """The threads that wait for one turn, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[Place] = deque()

    @property
    def waiting(self) -> int:
        """The number of those who wait."""
        return len(self._waiting)

    def enter(self, place: Place, seconds: float) -> None:
        """Wait until the place is the first one, or until the limit is over."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                place.is_first.set()
                return
            self._waiting.append(place)
        try:
            place.is_first.wait(seconds)
        finally:
            with self._lock:
                if not place.is_first.is_set():
                    self._waiting.remove(place)

    def hand_over(self) -> bool:
        """Make the next place the first one, with what was begun; return False if none may share it."""
        with self._lock:
            if not (self._waiting and self._waiting[0].may_share):
                return False
            self._waiting[0].is_handed_over = True
            self._advance()
            return True

    def leave(self) -> None:
        """Make the next place the first one."""
        with self._lock:
            if self._waiting:
                self._advance()
            else:
                self._is_taken = False

    def _advance(self) -> None:
        self._waiting.popleft().is_first.set()


class _File:
    """A file that one process at a time locks."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._file = path.open("ab")

    def try_lock(self) -> bool:
        """Return whether the file is locked by this object, now or since before."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self) -> None:
        """Unlock the file if it is locked by this object."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        self._file.close()
