"""The directory in which the processes of one `connector serve` share their metrics.

It is locked for as long as one of them is there, so that the next start can tell it from one that was left behind by
processes that were killed, and remove that. Nothing here loads the metrics: they look for the directory when loaded.
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
    """Set the directory where there are several processes, and remove it with the last of them."""
    if number == 1:
        yield
        return
    parent = Path(scratch_dir() or tempfile.gettempdir())
    _remove_stale(parent)
    directory, owner = _make(parent), os.getpid()
    with (directory / OWNER).open("ab") as lock:  # inherited by the processes that are forked
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = directory.rename(parent / directory.name.removeprefix("new-"))
        os.environ[VARIABLE] = str(directory)
        try:
            yield
        finally:
            if os.getpid() == owner:  # a worker process that ends also runs this
                del os.environ[VARIABLE]
                shutil.rmtree(directory, ignore_errors=True)


def _make(parent: Path) -> Path:
    """Create a directory under a name that no other start looks for: it is not locked yet."""
    return Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}", dir=parent))


def _remove_stale(parent: Path) -> None:
    for directory in parent.glob(f"{PREFIX}*"):
        with suppress(OSError), (directory / OWNER).open("rb") as lock:  # another user's, locked, or gone meanwhile
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
