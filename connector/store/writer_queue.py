"""The queue of SQLite's writers, of which it allows one at a time.

Writers that wait in its busy handler sleep and collide (p99 thirty times p50); here they queue on a thread lock inside
the process, and then on two files between processes:

    next ──► needed to try for the turn; a process that has waited for a while keeps it, so that it is the next one
    turn ──► held while one writes

Nothing waits in the kernel, which knows no limit, and nobody is woken: each attempt is repeated until the limit. The
kernel frees both files when their process ends, however it ends; if a process is stopped, the others give up.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import ConfigurationError
from connector.store.availability import Unavailable

LOOK_AGAIN = 0.0005  # seconds between two attempts
BARGING = 0.05  # seconds in which others may be faster: each change of the process costs time
OTHERS_WRITE = "others write to the database all the time, or a process was stopped while it wrote"


class WriterQueue:
    """The lock for writing: first among this process's threads, then among processes."""

    def __init__(self, database: Path) -> None:
        self._threads = threading.Lock()
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
        end = time.monotonic() + patience
        if not self._threads.acquire(timeout=patience):
            raise Unavailable(OTHERS_WRITE)
        try:
            self._wait_for_processes(end)
            try:
                yield
            finally:
                self._turn.unlock()
        finally:
            self._threads.release()

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
