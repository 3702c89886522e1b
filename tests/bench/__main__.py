"""`make bench`: every part in one run, printed as tables and, with `JSON=file`, written to a file."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))

from connector.store.engine import Database
from tests.bench import claims, deliveries, footprint, initiate, pruning, report, scale, sizing, webhook
from tests.bench.processes import new_database
from tests.databases import postgresql_server

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
EVENTS = int(os.environ.get("BENCH_EVENTS", "400"))  # of 16 clients in each round
USERS = [int(each) for each in os.environ.get("BENCH_USERS", "1000,100000,1000000").split(",")]
SIZED = int(os.environ.get("BENCH_SIZED", "30000"))  # verifications whose size on disk is measured
BEFORE = os.environ.get("BENCH_BEFORE", "")  # the checkout of an earlier version
ASKED_FOR = ("sizing", "pruning")
CASES = (("sqlite", 0), ("postgresql", 0), ("postgresql", 1), ("postgresql", 2))


def main() -> None:
    """Run all chosen parts and print the tables; write them to the file named on the command line."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        parts = _parts(directory, stack.enter_context(postgresql_server()))
        chosen = os.environ.get("BENCH_PARTS", ",".join(each for each in parts if each not in ASKED_FOR)).split(",")
        measured: dict[str, Any] = {"machine": machine(), "rounds": ROUNDS, "load_before": os.getloadavg()[0]}
        for name in chosen:
            began = time.monotonic()
            measured[name] = parts[name]()
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            if len(sys.argv) > 1:
                Path(sys.argv[1]).write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(report.tables(measured))


def _parts(directory: Path, server: str) -> Mapping[str, Callable[[], Any]]:
    return {
        "round_trips": lambda: {
            "webhook": webhook.round_trips(directory, server),
            "claims": {"connector": claims.round_trips(directory, server)},
            "initiate": initiate.round_trips(directory, server),
        },
        "webhook": lambda: [webhook.measure(directory, server, *each, ROUNDS, EVENTS) for each in CASES],
        "claims": lambda: [claims.measure(directory, server, *each, ROUNDS, EVENTS) for each in CASES],
        "initiate": lambda: [initiate.measure(directory, server, *each, 8 * ROUNDS) for each in CASES],
        "deliveries": lambda: deliveries.measure(directory, server, ROUNDS, 5 * EVENTS, BEFORE),
        "scale": lambda: scale.measure(directory, server, ROUNDS, USERS),
        "sizing": lambda: sizing.measure(directory, server, SIZED, 10 * EVENTS),
        "pruning": lambda: pruning.measure(directory, server),
        "footprint": lambda: footprint.measure(directory, _migrated(directory, server), ROUNDS, BEFORE),
    }


def _migrated(directory: Path, server: str) -> str:
    database = Database(url := new_database(directory, server, "postgresql"))
    database.migrate()
    database.close()
    return url


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
