"""The command line: in the tests' process for most cases, as separate processes for servers and workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connector.cli import main
from tests.api.test_auth import AuthIssuer
from tests.ports import free_port
from tests.processes import running
from tests.standing import clock, connector, setting_changes, settings, shared_connector, standing
from tests.waiting import wait_for_answer

__all__ = ["clock", "connector", "setting_changes", "settings", "shared_connector", "standing"]

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path, sqlite_template: Path) -> Path:
    """A data directory with a migrated database."""
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    shutil.copy(sqlite_template, path / "connector.db")
    return path


@pytest.fixture
def run(data_dir: Path) -> Run:
    """Run a command on that data directory: `run("user", "list", CONNECTOR_LOG_LEVEL="DEBUG")`."""
    return commands(data_dir)


def commands(data_dir: Path) -> Run:
    ambient = dict.fromkeys((name for name in os.environ if name.startswith(("CONNECTOR_", "ONFIDO_"))), "")

    def run(*arguments: str, input: str | None = None, **variables: str) -> Result:  # noqa: A002  click's own name
        environ = ambient | {"CONNECTOR_DATA_DIR": str(data_dir)} | variables
        return CliRunner().invoke(main, arguments, input=input, env=environ, catch_exceptions=False)

    return run


@dataclass(frozen=True)
class Running:
    """A process that was started as `python -m connector`."""

    process: subprocess.Popen[str]
    url: str

    def stop(self) -> int:
        """Stop the process as a supervisor does, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=100)

    def children(self) -> list[int]:
        """Return the ids of its worker processes."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]


Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def spawn() -> Iterator[Spawn]:
    """Start `python -m connector`, with its output in `log`; it is killed at the end if it still runs."""
    with ExitStack() as stack:

        def spawn(*arguments: str, log: Path | None = None, **variables: str) -> subprocess.Popen[str]:
            ours = ("CONNECTOR_", "ONFIDO_")
            environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | variables
            command = [sys.executable, "-m", "connector", *arguments]
            with (log or Path(os.devnull)).open("ab") as output:
                return stack.enter_context(running(command, env=environ, stdout=output, stderr=output, text=True))

        yield spawn


@pytest.fixture(scope="module")
def start(spawn: Spawn) -> Callable[..., Running]:
    """Start `serve` or `simulate` on a free port, and wait until it answers at `ready`."""

    def start(*arguments: str, ready: str, log: Path | None = None, **variables: str) -> Running:
        url = f"http://127.0.0.1:{(port := free_port())}"
        process = spawn(*arguments, "--port", str(port), log=log, **variables)
        wait_for_answer(url + ready, process)
        return Running(process, url)

    return start


@pytest.fixture(scope="module")
def issuers() -> Iterator[tuple[AuthIssuer, AuthIssuer]]:
    """Two issuers, of different tenants."""
    ours, theirs = AuthIssuer(), AuthIssuer()
    yield ours, theirs
    ours.close()
    theirs.close()


def properties(provider: Mapping[str, Any]) -> dict[str, str]:
    """Return the configuration properties of a provider as it is printed for scripts."""
    return {each["key"]: each["value"] for each in provider["configProperties"]}


def mapping(provider: Mapping[str, Any]) -> dict[str, str]:
    """Return the applicant fields of the provider's claims."""
    return {each["localClaim"]: each["idvpClaim"] for each in provider["claims"]}
