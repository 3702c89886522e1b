"""CPU seconds of processes, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

LISTENING = "0A"
_TICKS = os.sysconf("SC_CLK_TCK")


def listeners(port: int) -> list[int]:
    """Return the ids of the processes that have a socket that listens on a port."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == LISTENING and int(row[1].split(":")[1], 16) == port}
    return [process for process in _processes() if inodes & set(_open_files(process))]


def seconds_of(process: int) -> float:
    """Return the CPU seconds of a process, in user mode and in the kernel."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def backends_seconds(url: str) -> float:
    """Return the CPU seconds of PostgreSQL's processes for the connections to a database."""
    engine = create_engine(make_url(url).set(database="postgres"))
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT pid FROM pg_stat_activity WHERE datname = :name"), {"name": make_url(url).database}
        )
        seconds = sum(seconds_of(row.pid) for row in found)
    engine.dispose()
    return seconds


def _processes() -> Iterator[int]:
    yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _open_files(process: int) -> Iterator[str]:
    try:
        for entry in Path(f"/proc/{process}/fd").iterdir():
            yield str(entry.readlink())
    except OSError:  # it has ended, or is another user's
        return
