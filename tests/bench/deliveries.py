"""Local deliveries per second of two worker processes, and the delay from commit to start on an idle system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from subprocess import PIPE
from typing import IO, Any

from sqlalchemy import func, select, text

from connector.services.upkeep import Sweep
from connector.store.deliveries import outbox
from connector.store.engine import Database
from connector.store.models import outbox as outbox_table
from tests.bench.processes import ROOT, new_database
from tests.bench.worker import Stamp

CREATE = "CREATE TABLE bench_starts (number integer, started timestamptz DEFAULT clock_timestamp())"
DELAYS = """
SELECT 1000 * extract(epoch FROM started - created_at) AS delay
FROM bench_starts JOIN outbox ON kind = 'stamp' AND (payload ->> 'number')::integer = number
"""


def measure(directory: Path, server: str, rounds: int, number: int, before: str = "") -> dict[str, Any]:
    """Return deliveries per second of this version and of an earlier one's checkout, and the delays in milliseconds."""
    roots = {"now": ROOT} | ({"before": Path(before)} if before else {})
    urls = {name: _database(directory, server, root) for name, root in roots.items()}
    rates: dict[str, list[float]] = {name: [] for name in roots}
    for _ in range(rounds):
        for name, root in roots.items():
            rates[name].append(rate(directory, urls[name], root, number))
    delays = _delays(directory, urls["now"])
    figures: dict[str, Any] = {name: median(values) for name, values in rates.items()}
    if before:
        figures["ratio"] = median(a / b for a, b in zip(rates["now"], rates["before"], strict=True))
    return {"per_second": figures, "start_delay": {"p50": median(delays), "longest": max(delays)}}


def _database(directory: Path, server: str, root: Path) -> str:
    url = new_database(directory, server, "postgresql")
    environ = os.environ | {"CONNECTOR_DATABASE_URL": url, "CONNECTOR_DATA_DIR": str(directory / "deliveries")}
    subprocess.run(
        [sys.executable, "-m", "connector", "migrate"], cwd=root, env=environ, check=True, capture_output=True
    )
    return url


def rate(directory: Path, url: str, root: Path, number: int, workers: int = 2) -> float:
    """Return the deliveries per second of some workers, from the first delivery to the last."""
    database = Database(url)
    with _workers(directory, url, root, workers) as inputs:
        inputs[0].write(f"{number}\n")
        inputs[0].flush()
        while not (left := _ready(database)):
            time.sleep(0.001)
        began = time.perf_counter()
        while _ready(database):
            time.sleep(0.01)
        seconds = time.perf_counter() - began
    database.close()
    return left / seconds


def _delays(directory: Path, url: str, number: int = 40) -> list[float]:
    database = Database(url)
    with database.write() as connection:
        connection.execute(text(CREATE))
    with _workers(directory, url, ROOT, 1):
        for each in range(number):
            time.sleep(0.1)
            with database.write() as connection:
                outbox.add(connection, Stamp(each))
        while _ready(database):
            time.sleep(0.02)
    with database.read() as connection:
        delays = [float(delay) for delay in connection.execute(text(DELAYS)).scalars()]
    database.close()
    return delays


def _ready(database: Database) -> int:
    ready = outbox_table.c.state == outbox.READY, outbox_table.c.kind != Sweep.kind  # the worker queues its own sweep
    statement = select(func.count()).where(*ready)
    with database.read() as connection:
        return int(connection.execute(statement).scalar_one())


@contextmanager
def _workers(directory: Path, url: str, root: Path, number: int) -> Iterator[list[IO[str]]]:
    """Run workers until the context ends; return their standard inputs: one adds the number of rows in a line."""
    environ = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), url, str(directory / "deliveries")]
    with ExitStack() as stack:
        inputs = []
        for _ in range(number):
            process = stack.enter_context(
                subprocess.Popen(command, env=environ, stdin=PIPE, stdout=PIPE, stderr=subprocess.DEVNULL, text=True)
            )
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline().strip() == "ready"
            inputs.append(process.stdin)
        yield inputs
        for each in inputs:
            each.close()
