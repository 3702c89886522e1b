"""Processes that end with the test that starts them, also if it fails.

with running([sys.executable, "-m", "connector", "worker"], env=environ) as process:
    ...
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tests.forked import Forked
from tests.waiting import GENEROUS

CONNECTOR = [sys.executable, "-m", "connector"]
PROGRAM = [sys.executable, "-W", "error", "-c"]


def started(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a process with the options of `Popen`; the connector, and a program of the tests, is forked from a process
    that has imported the connector.
    """
    forked = _forked(list(command))
    if forked is None or _is_read_early(options.get("env") or os.environ):
        return subprocess.Popen(command, **options)
    return Forked(*forked, **options)


def _forked(command: list[str]) -> Sequence[str] | None:
    """Return the module whose `run` does what a command does, and its arguments."""
    if command[:3] == CONNECTOR:
        return ["tests.connector_process", *command[3:]]
    if command[:4] == PROGRAM:
        return ["tests.program", *command[4:]]
    is_ours = command[:2] == [sys.executable, "-m"] and command[2].startswith("tests.")
    return command[2:] if is_ours else None


def _is_read_early(environ: Mapping[str, str]) -> bool:
    """Whether variables matter when Python starts, or when the metrics of several workers are imported."""
    return "PYTHONIOENCODING" in environ or environ.get("CONNECTOR_WORKERS", "1") != "1"


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a process with the options of `Popen`; at the end it is killed if it still runs, and its pipes are closed.

    One that a failed test left would warn of itself later, and fail whichever test runs at that moment.
    """
    with started(command, **options) as process:
        try:
            yield process
        finally:
            _kill(process, is_session=bool(options.get("start_new_session")))


def _kill(process: subprocess.Popen[Any], *, is_session: bool) -> None:
    """Kill a process that still runs, with all processes of its own session if it has one."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            (os.killpg if is_session else os.kill)(process.pid, signal.SIGKILL)


def run_together(command: Sequence[str], number: int) -> list[str]:
    """Run a command several times at the same moment, and return the outputs.

    Each process prints "ready", and waits for a line before it begins.
    """
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        processes = [stack.enter_context(running(command, **options)) for _ in range(number)]
        assert [each.stdout and each.stdout.readline() for each in processes] == ["ready\n"] * number
        for each in processes:
            assert each.stdin
            each.stdin.write("go\n")
            each.stdin.flush()
        printed: list[str] = [each.communicate(timeout=GENEROUS)[0] for each in processes]
        assert [each.returncode for each in processes] == [0] * number
    return printed
