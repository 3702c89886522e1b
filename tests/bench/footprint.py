"""The time from start to ready, and the resident memory of a web worker and of a worker process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import requests

from tests.bench.cpu import seconds_of
from tests.bench.processes import ROOT, running
from tests.ports import free_port

MEBIBYTE = 1024.0
# Installed for development only; if they are present, structlog, SQLAlchemy and others import them.
NOT_DEPLOYED = ("bcrypt", "greenlet", "rich", "yaml")
DEPLOYED = [
    *(sys.executable, "-c"),
    f"import sys; sys.modules.update(dict.fromkeys({NOT_DEPLOYED}))\nfrom connector.__main__ import run\nrun()",
]
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # as installed: modules are not compiled at each start


def measure(directory: Path, url: str, rounds: int, before: str = "") -> dict[str, Any]:
    """Start this version and an earlier one's checkout, in turns; `url` names a database migrated by this version."""
    roots = {"now": ROOT} | ({"before": Path(before)} if before else {})
    starts: dict[str, list[dict[str, float]]] = {name: [] for name in roots}
    for _ in range(rounds + 1):
        for name, root in roots.items():
            starts[name].append(_start(directory / f"footprint-{name}", root))
    measured: dict[str, Any] = {name: _medians(each[1:]) for name, each in starts.items()}
    measured["now"]["worker_mib"] = _worker(directory / "footprint-worker", url)
    if before:
        for kind in ("ready", "ready_cpu"):
            pairs = zip(starts["now"][1:], starts["before"][1:], strict=True)
            measured[f"{kind}_ratio"] = median(now[f"{kind}_ms"] / then[f"{kind}_ms"] for now, then in pairs)
    return measured


def _medians(starts: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in starts) for name in starts[0]}


def _start(directory: Path, root: Path) -> dict[str, float]:
    """Start `connector serve` on the embedded database, which the first start creates."""
    directory.mkdir(mode=0o700, exist_ok=True)
    port = free_port()
    command = [*DEPLOYED, "serve", "--dev", "--port", str(port)]
    environ = {"CONNECTOR_DATA_DIR": str(directory), "PYTHONPATH": str(root), "CONNECTOR_WORKERS": "1", **COMPILED}
    began = time.perf_counter()
    with running(command, environ, directory / "log", f"http://127.0.0.1:{port}/readyz", root) as process:
        ready = time.perf_counter() - began
        [child] = _children(process)
        busy = seconds_of(process) + seconds_of(child)  # depends less on other work of the machine
        for _ in range(20):
            requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).raise_for_status()
        return {
            "ready_ms": ready * 1000,
            "ready_cpu_ms": busy * 1000,
            "web_worker_mib": _resident(child),
            "web_worker_private_mib": _private(child),
        }


def _worker(directory: Path, url: str) -> float:
    """Return the resident memory of a worker on PostgreSQL, in MiB."""
    directory.mkdir(mode=0o700, exist_ok=True)
    port = free_port()
    command = [*DEPLOYED, "worker", "--port", str(port)]
    environ = {"CONNECTOR_DATA_DIR": str(directory), "CONNECTOR_DATABASE_URL": url, **COMPILED}
    with running(command, environ, directory / "log", f"http://127.0.0.1:{port}/readyz") as process:
        time.sleep(2)  # for the first sweep
        return _resident(process)


def _children(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=True)
    return [int(each) for each in listed.stdout.split()]


def _private(process: int) -> float:
    """Return the MiB of memory that a process does not share with its parent."""
    rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_")) / MEBIBYTE


def _resident(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / MEBIBYTE
