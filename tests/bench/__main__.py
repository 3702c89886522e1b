"""`make bench`: ours and the floor, in turns, on both databases and with both kinds of gunicorn workers."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import requests

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))

from connector.store.engine import Database
from tests.bench import initiate
from tests.bench.load import Measure, post_all, requests_for
from tests.bench.seed import fill
from tests.databases import postgresql_server, put_database

WORKERS = {"threads 2 x 8": ["-k", "gthread", "--threads", "8"], "sync x 2": ["-k", "sync"]}
CLIENTS = 16
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "25"))
EVENTS = int(os.environ.get("BENCH_EVENTS", "200"))  # in each round
WARM_UP = 200
INITIATIONS = 40
TARGETS = {"throughput": 0.8, "p99": 1.5, "own": 12.0}


def main() -> None:
    """Measure, print a table, write the JSON file named on the command line."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(postgresql_server())
        rows = [
            _compare(directory, server, kind, name, options)
            for kind in ("sqlite", "postgresql")
            for name, options in WORKERS.items()
        ]
        initiations = [
            initiate.measure(directory / kind, kind, _database(directory, server, kind, "initiate"), INITIATIONS)
            for kind in ("sqlite", "postgresql")
        ]
    found = [asdict(each) for each in initiations]
    report = {"machine": _machine(), "webhook": rows, "initiate": found, "targets": TARGETS}
    _print(report)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _compare(directory: Path, server: str, kind: str, name: str, options: list[str]) -> dict[str, Any]:
    run_ids = [str(uuid.uuid4()) for _ in range(WARM_UP + ROUNDS * EVENTS)]
    measures: dict[str, list[Measure]] = {"floor": [], "ours": []}
    with ExitStack() as stack:
        ports = {}
        for variant in measures:
            url = _database(directory, server, kind, variant)
            database = Database(url)
            fill(database, run_ids)
            database.close()
            ports[variant] = stack.enter_context(_gunicorn(directory, variant, url, options))
        for port in ports.values():
            post_all(port, requests_for(run_ids[:WARM_UP]), CLIENTS)
        for number in range(ROUNDS):
            start = WARM_UP + number * EVENTS
            batch = requests_for(run_ids[start : start + EVENTS])
            order = list(ports.items())
            for variant, port in order if number % 2 else reversed(order):
                measures[variant].append(post_all(port, batch, CLIENTS))
    middle = {variant: _median(rounds) for variant, rounds in measures.items()}
    pairs = list(zip(measures["ours"], measures["floor"], strict=True))
    return {
        "database": kind,
        "workers": name,
        **{variant: asdict(measure) for variant, measure in middle.items()},
        "throughput_ratio": median(ours.per_second / floor.per_second for ours, floor in pairs),
        "p99_ratio": median(ours.p99 / floor.p99 for ours, floor in pairs),
    }


def _median(rounds: list[Measure]) -> Measure:
    return Measure(*(median(getattr(each, name) for each in rounds) for name in ("per_second", "p50", "p99")))


def _database(directory: Path, server: str, kind: str, name: str) -> str:
    if kind == "sqlite":
        return f"sqlite:///{directory / f'{name}-{uuid.uuid4().hex}.db'}"
    return put_database(server, f"{name}_{uuid.uuid4().hex}")


@contextmanager
def _gunicorn(directory: Path, variant: str, url: str, options: list[str]) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    metrics = directory / f"metrics-{uuid.uuid4().hex}"
    metrics.mkdir()
    environ = os.environ | {
        "BENCH_DATABASE": url,
        "BENCH_DIR": str(directory),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),  # as `connector serve` does with two processes
    }
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "2",
        "--log-level",
        "error",
    ]
    command += ["--no-control-socket", *options, f"tests.bench.{variant}:app"]
    process = subprocess.Popen(command, env=environ)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(metrics)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("gunicorn did not start")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def _print(report: dict[str, Any]) -> None:
    print(report["machine"])
    print("| database | workers | floor req/s | ours req/s | ratio | floor p99 ms | ours p99 ms | ratio |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for row in report["webhook"]:
        floor, ours = row["floor"], row["ours"]
        print(
            f"| {row['database']} | {row['workers']} | {floor['per_second']:.0f} | {ours['per_second']:.0f} "
            f"| {row['throughput_ratio']:.2f} | {floor['p99']:.0f} | {ours['p99']:.0f} | {row['p99_ratio']:.2f} |"
        )
    for found in report["initiate"]:
        print(
            f"\nInitiate on {found['database']}, Onfido at {initiate.LATENCY} ms a call: {found['calls']} calls, "
            f"p50 {found['total']:.0f} ms, of which {found['own']:.1f} ms are our own."
        )
    missed = list(_missed(report))
    print(
        f"\nTargets: throughput at least {TARGETS['throughput']} of the floor's, p99 at most {TARGETS['p99']} of its, ",
        end="",
    )
    print(f"{TARGETS['own']:.0f} ms of our own: " + (f"missed by {'; '.join(missed)}." if missed else "all met."))


def _missed(report: dict[str, Any]) -> Iterator[str]:
    for row in report["webhook"]:
        if row["throughput_ratio"] < TARGETS["throughput"] or row["p99_ratio"] > TARGETS["p99"]:
            yield f"{row['database']} with {row['workers']}"
    for found in report["initiate"]:
        if found["own"] > TARGETS["own"]:
            yield f"initiate on {found['database']}"


if __name__ == "__main__":
    main()
