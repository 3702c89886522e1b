"""The directory in which the processes of one `connector serve` share their metrics.

It is locked while one of these processes runs, so that the next start can recognize and remove a directory left behind
by killed processes. This module does not import the metrics: they look for the directory when they are imported.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connector.private_file import scratch_dir

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "connector-metrics-"
OWNER = "owner.lock"


@contextmanager
def shared_by(number: int) -> Iterator[None]:
    """Create the directory if there are several processes, and remove it when the last of them ends."""
    if number == 1:
        yield
        return
    parent = Path(scratch_dir() or tempfile.gettempdir())
    _remove_stale(parent)
    directory, owner = _make(parent), os.getpid()
    with (directory / OWNER).open("ab") as lock:  # inherited by forked processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = directory.rename(parent / directory.name.removeprefix("new-"))
        os.environ[VARIABLE] = str(directory)
        try:
            yield
        finally:
            if os.getpid() == owner:  # worker processes that end also get here
                del os.environ[VARIABLE]
                shutil.rmtree(directory, ignore_errors=True)


def _make(parent: Path) -> Path:
    """Create a directory under a name that no other start checks, because it is not locked yet."""
    return Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}", dir=parent))


def _remove_stale(parent: Path) -> None:
    for directory in parent.glob(f"{PREFIX}*"):
        # owned by another user, locked, or already removed
        with suppress(OSError), (directory / OWNER).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
