"""A process that is forked from one that has imported the connector behaves like one that was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Forked
from tests.processes import CONNECTOR, PROGRAM, running, started
from tests.waiting import GENEROUS

PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def end_of(process: subprocess.Popen[Any]) -> tuple[int, str, str]:
    with process:
        shown, errors = process.communicate("", timeout=GENEROUS)
        return process.returncode, shown, errors


@pytest.mark.parametrize("arguments", [["user", "--help"], ["user", "list", "--unknown"], ["example", "studio"]])
def test_a_forked_command_prints_and_returns_the_same_as_a_started_one(tmp_path: Path, arguments: list[str]) -> None:
    options = PIPES | {"cwd": tmp_path, "env": {"CONNECTOR_DATA_DIR": str(tmp_path), "PATH": os.environ["PATH"]}}
    forked = started([*CONNECTOR, *arguments], **options)
    assert isinstance(forked, Forked)
    assert end_of(forked) == end_of(subprocess.Popen([*CONNECTOR, *arguments], **options))


def test_a_warning_ends_a_forked_program_as_a_started_one() -> None:
    command = [*PROGRAM, "import sys, warnings\nprint(sys.argv, __name__, flush=True)\nwarnings.warn('x')", "argument"]
    forked = started(command, **PIPES)
    assert isinstance(forked, Forked)
    ends = [end_of(forked), end_of(subprocess.Popen(command, **PIPES))]
    assert ends[0][:2] == ends[1][:2] == (1, "['-c', 'argument'] __main__\n")
    assert all("UserWarning: x" in errors for _, _, errors in ends)


def test_a_forked_process_has_its_own_session_and_ends_with_its_test(tmp_path: Path) -> None:
    environ = os.environ | {"CONNECTOR_DATA_DIR": str(tmp_path)}
    with running([*CONNECTOR, "worker", "--port", "0"], env=environ, start_new_session=True) as process:
        assert (os.getsid(process.pid), process.poll()) == (process.pid, None)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "latin-1"}, {"CONNECTOR_WORKERS": "2"}])
def test_a_process_with_variables_that_are_read_early_is_started(variables: dict[str, str]) -> None:
    process = started([*CONNECTOR, "--help"], env=os.environ | variables, **PIPES)
    assert not isinstance(process, Forked)
    assert end_of(process)[0] == 0
    assert process.args == [sys.executable, "-m", "connector", "--help"]
