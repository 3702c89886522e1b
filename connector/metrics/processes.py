"""The metrics of several processes, each of which writes to its own files.

The counts of a process that has ended are folded into one set of files, so that a scrape reads only the files of
running processes and this set, however often processes are replaced. A lock excludes scrapes meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
ENDED = "ended"
LOCK = "folding.lock"
ADDED_UP = ("counter", "histogram")


def are_several() -> bool:
    """Whether this process shares its metrics with others."""
    return DIRECTORY in os.environ


def exposition() -> bytes:
    """Return the metrics of all of them in Prometheus' format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    with _locked(fcntl.LOCK_SH):
        return generate_latest(registry)


def forget(pid: int) -> None:
    """Keep the counts of a process that has ended, and remove its files."""
    if not are_several():
        return
    with _locked(fcntl.LOCK_EX):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
        for kind in ADDED_UP:
            _fold(_directory() / f"{kind}_{pid}.db", _directory() / f"{kind}_{ENDED}.db")


def _fold(source: Path, target: Path) -> None:
    if not source.exists():
        return
    values: Any = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    with closing(values) as total:
        for key, value, *_ in MmapedDict.read_all_values_from_file(str(source)):  # type: ignore[no-untyped-call]
            total.write_value(key, total.read_value(key)[0] + value, 0.0)
    source.unlink()


def _directory() -> Path:
    return Path(os.environ[DIRECTORY])


@contextmanager
def _locked(operation: int) -> Iterator[None]:
    with (_directory() / LOCK).open("ab") as file:
        fcntl.flock(file, operation)
        yield
