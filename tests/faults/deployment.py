"""A connector as it is deployed: separate web and worker processes, which tests kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from tests.ports import free_port
from tests.processes import started
from tests.waiting import GENEROUS

ROOT = Path(__file__).parents[2]
STARTING_TIME = GENEROUS  # on a machine that others use too


class Process:
    """`python -m connector …` with all its children, started as often as needed; `root` is the folder of the code."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], log: Path, root: Path = ROOT) -> None:
        self.command = [sys.executable, "-m", "connector", *arguments]
        # No coverage is measured: a killed process leaves no data.
        ours = ("CONNECTOR_", "COVERAGE_")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.environ |= environ
        self._log = log
        self._root = root
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._lock, self._log.open("ab") as output:
            start = started if self._root == ROOT else subprocess.Popen  # another tree's code is not imported here
            self._process = start(
                self.command, cwd=self._root, env=self.environ, stdout=output, stderr=output, start_new_session=True
            )

    def restart_if_ended(self) -> None:
        """Restart the process if it has ended, as a supervisor does: without its database it cannot start."""
        with self._lock:
            if self._process and self._process.poll() is not None:
                self.kill()
                self.start()

    def stop(self) -> int:
        """Stop the process as a supervisor does; return its exit status."""
        with self._lock:
            assert self._process
            self._process.terminate()
            return self._process.wait(timeout=GENEROUS)

    def kill(self) -> None:
        """Kill the process and its children without warning."""
        with self._lock:
            if self._process:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                self._process = None

    def kill_children(self) -> None:
        """Kill the process's children, which it has to replace itself."""
        with self._lock, suppress(FileNotFoundError, ProcessLookupError):
            if self._process:
                children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
                for child in children.read_text().split():
                    os.kill(int(child), signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspend the process with all its children, as on a stalled machine, and resume it at the end."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with self._lock, suppress(ProcessLookupError):
            if self._process:
                os.killpg(self._process.pid, number)

    def replace(self) -> None:
        """Stop the process as a supervisor does, and start it again."""
        with self._lock, suppress(subprocess.TimeoutExpired):
            if self._process:
                self._process.terminate()
                self._process.wait(timeout=60)
        self.kill()
        self.start()


class Deployment:
    """Some web processes, some workers, one database; and a supervisor that restarts ended processes."""

    def __init__(self, environ: Mapping[str, str], directory: Path, *, webs: int, workers: int) -> None:
        self.logs = [directory / f"{name}.log" for name in self._names(webs, workers)]
        ports = [free_port() for _ in range(webs)]
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        commands = [*(["serve", "--dev", "--port", str(port)] for port in ports), *([["worker"]] * workers)]
        environ = {"CONNECTOR_PUBLIC_URL": self.urls[0], **environ}  # one address for all processes
        processes = [Process(command, environ, log) for command, log in zip(commands, self.logs, strict=True)]
        self.webs, self.workers = processes[:webs], processes[webs:]
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor")

    def start(self) -> None:
        """Start everything, and wait until it answers."""
        self.start_processes()
        self._supervisor.start()

    def start_processes(self) -> None:
        """Start every process, and wait until the servers answer."""
        for process in (*self.webs, *self.workers):
            process.start()
        end = time.monotonic() + STARTING_TIME
        for url in self.urls:
            while not is_ready(url):
                assert time.monotonic() < end, f"{url} does not answer"
                time.sleep(0.1)

    def stop(self) -> None:
        self._stopping.set()
        if self._supervisor.is_alive():
            self._supervisor.join()
        self.kill()

    def kill(self) -> None:
        """Kill every process without warning."""
        for process in (*self.webs, *self.workers):
            process.kill()

    def _supervise(self) -> None:
        while not self._stopping.wait(0.3):
            for process in (*self.webs, *self.workers):
                process.restart_if_ended()

    @staticmethod
    def _names(webs: int, workers: int) -> list[str]:
        return [*(f"web-{number}" for number in range(webs)), *(f"worker-{number}" for number in range(workers))]


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=60).ok
    except requests.RequestException:
        return False
