"""CPU seconds of processes, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
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
    return sum(map(int, _fields(process)[11:13])) / _TICKS


def server_seconds(url: str) -> float:
    """Return the CPU seconds of all of PostgreSQL's processes, also of those that have ended."""
    engine = create_engine(make_url(url).set(database="postgres"))
    with engine.connect() as connection:
        server = int(_fields(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())[1])
    engine.dispose()
    while True:
        with suppress(FileNotFoundError):  # one has ended meanwhile
            return _seconds_with_children(server)


def _seconds_with_children(process: int) -> float:
    children = map(int, Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split())
    ended = sum(map(int, _fields(process)[13:15])) / _TICKS
    return seconds_of(process) + ended + sum(map(seconds_of, children))


def _fields(process: int) -> list[str]:
    """Return the fields of a process's state from its third on."""
    return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _processes() -> Iterator[int]:
    yield from (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _open_files(process: int) -> Iterator[str]:
    try:
        for entry in Path(f"/proc/{process}/fd").iterdir():
            yield str(entry.readlink())
    except OSError:  # it has ended, or is another user's
        return
