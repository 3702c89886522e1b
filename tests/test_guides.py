"""The guides' commands are run as printed: in one shell, in their order, in an otherwise empty directory.

Commands that need a real Onfido, a package index or PostgreSQL are marked `sh not-run` in the document.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes import running
from tests.shell_command import forking

ROOT = Path(__file__).parent.parent
GUIDES = ("README.md", "config/README.md", "config/studio.md", "connector/api/README.md", "deploy/README.md")
BLOCK = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_BY_CI = {"make demo\n", "make test\n"}
LIMIT = 900  # seconds; it takes about one minute on an idle machine

# curl fails if the answer is an error; the shell ends its background processes.
BEGINNING = """
set -eux
curl() { command curl --fail "$@"; }
trap 'kill $(jobs -p)' EXIT
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="the guides' commands need bash and curl"
)


@dataclass(frozen=True)
class Step:
    """A block of commands, and the lines of their output in the guide."""

    commands: str
    shown: str = ""


def steps(text: str) -> Iterator[Step]:
    commands = ""
    for language, mark, content in BLOCK.findall(text):
        if language == "sh":
            if commands:
                yield Step(commands)
            commands = "" if "not-run" in mark or content in RUN_BY_CI else content
        elif not language and commands:
            yield Step(commands, content)
            commands = ""
    if commands:
        yield Step(commands)


def run(script: str, directory: Path, environ: dict[str, str], descriptor: int) -> tuple[int, str]:
    """Run a script in a separate session, which ends with it; returns its status and output."""
    log = directory / "transcript"
    with log.open("w") as output:
        options = {"stdout": output, "stderr": output, "start_new_session": True, "pass_fds": [descriptor]}
        with running(["bash", "-c", script], cwd=directory, env=environ, **options) as shell:
            status: int = shell.wait(LIMIT)
    return status, log.read_text()


def on_ports(text: str, ports: dict[str, int]) -> str:
    for port, free in ports.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free}")
    return text.replace("connector simulate", f"connector simulate --port {ports['8090']}")


@pytest.mark.timeout(LIMIT + 30)
def test_every_command_of_the_guides_runs_and_prints_the_output_that_they_show(tmp_path: Path) -> None:
    ports = {"8080": free_port(), "8090": free_port()}
    guides = [
        Step(on_ports(step.commands, ports), on_ports(step.shown, ports)) for name in GUIDES for step in read(name)
    ]
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f"PATH={activate.parent}:{Path(sys.executable).parent}:$PATH\n")
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "COVERAGE_", "ONFIDO_"))
    }
    environ |= {
        "TMPDIR": str(tmp_path),
        "CONNECTOR_PORT": str(ports["8080"]),
        "CONNECTOR_PUBLIC_URL": f"http://127.0.0.1:{ports['8080']}",
    }

    with forking(activate.parent) as descriptor:
        status, transcript = run(BEGINNING + "".join(each.commands for each in guides), tmp_path, environ, descriptor)

    assert status == 0, transcript[-3000:]
    printed = transcript.splitlines()
    assert [line for step in guides for line in step.shown.splitlines() if line and line not in printed] == []


def read(name: str) -> list[Step]:
    found = list(steps((ROOT / name).read_text(encoding="utf-8")))
    assert found, f"{name} has no command that can run"
    return found
