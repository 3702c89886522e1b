"""`make soak MINUTES=60 JSON=file`: exits with status 1 if something was lost, or if memory grew."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))

from tests.bench.__main__ import machine
from tests.soak import hosts, site, verdict
from tests.soak.memory import Memory
from tests.soak.people import People
from tests.soak.restarts import Restarts
from tests.soak.signals import Poller

MINUTES = float(os.environ.get("MINUTES") or 10)
RATE = float(os.environ.get("RATE") or 2)
SEED = int(os.environ.get("SEED") or 1)


def main() -> int:
    if why := hosts.obstacle():
        print(f"Both hosts are this machine's loopback: {why}.", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as name,
        hosts.hosts() as made,
        site.running(Path(name), made) as here,
    ):
        measured = soak(here) | {"hosts": why or "two network namespaces"}
    print(text := json.dumps(measured, indent=2))
    if path := os.environ.get("JSON"):
        Path(path).write_text(f"{text}\n", encoding="utf-8")
    return 1 if measured["problems"] else 0


def soak(here: site.Site) -> dict[str, Any]:
    """Work for half of the time while processes are replaced, and for the other half while memory is measured."""
    people, restarts, memory = People(here, RATE, SEED), Restarts(here), Memory(here.processes)
    load, poller = os.getloadavg()[0], Poller(here.streams)
    poller.start()
    people.start()
    restarts.start()
    time.sleep(MINUTES * 30)
    restarts.stop()
    during, people.times = verdict.summary(people.times), type(people.times)()
    memory.start()
    time.sleep(MINUTES * 30)
    memory.stop()
    people.stop()
    settled = verdict.settle(here)
    poller.stop()
    sizes = memory.report()
    grown = [f"{name} grows: {size}" for name, size in sizes.items() if size["is_flat"] is False]
    return {
        "machine": machine(),
        "load": [load, os.getloadavg()[0]],
        "minutes": MINUTES,
        "verifications": len(people.users),
        "notices": len(here.notices),
        "signals": {each.name: len(each.tokens) for each in here.streams},
        "settled_after_seconds": settled,
        "while_processes_are_replaced": during | {"restarts": restarts.told},
        "while_all_run": verdict.summary(people.times),
        "memory": sizes,
        "problems": [*verdict.problems(here, people), *restarts.failures, *grown],
    }


if __name__ == "__main__":
    sys.exit(main())
