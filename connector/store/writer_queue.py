"""The queue of SQLite's writers, of which it allows one at a time.

Writers that wait in its busy handler sleep and collide (p99 thirty times p50); here they queue on one lock, a thread
lock inside the process and a file lock between processes.
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

LOOK_AGAIN = 0.005  # seconds between two attempts to lock the file, if the wait is limited
OTHERS_WRITE = "others write to the database all the time"


class WriterQueue:
    """The lock for writing: first among this process's threads, then among processes."""

    def __init__(self, database: Path) -> None:
        self._threads = threading.Lock()
        lock = database.with_name(f"{database.name}.lock")
        try:
            for path in (database, lock):
                path.touch(mode=0o600)
            self._file = lock.open("ab")
        except OSError as error:
            raise ConfigurationError(
                f"The database {database} cannot be opened ({error.strerror}): correct `database_url`, or its owner."
            ) from error

    @contextmanager
    def turn(self, patience: float | None = None) -> Iterator[None]:
        """Wait for the turn; with `patience`, raise `DatabaseUnavailable` after that many seconds."""
        end = None if patience is None else time.monotonic() + patience
        if not self._threads.acquire(timeout=-1 if patience is None else patience):
            raise Unavailable(OTHERS_WRITE)
        try:
            self._lock_file(end)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _lock_file(self, end: float | None) -> None:
        if end is None:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            return
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise Unavailable(OTHERS_WRITE) from None
                time.sleep(LOOK_AGAIN)
            else:
                return

    def close(self) -> None:
        self._file.close()
