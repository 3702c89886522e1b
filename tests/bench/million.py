"""`python -m tests.bench.million`: every route, list and statement of the worker, with a thousand and a million users.

Two connectors, one for each number of users, are called in turns, and each call is compared with the same call of the
other. It prints both p50 in milliseconds and the median of the ratios, and marks ratios above 1.3.

    python -m tests.bench.million sqlite|postgresql [rounds] [users]
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from flask import g, request
from sqlalchemy import Engine

from connector.simulator.server import Simulator
from connector.store.engine import Database
from connector.telemetry import configure_logging
from tests import databases
from tests.contract.wire import METRICS_TOKEN, WEBHOOK_TOKEN
from tests.harness import Clock, ConnectorServer, World
from tests.listening import listening
from tests.patience import patient_settings
from tests.plans.driving import drive
from tests.plans.populating import populate
from tests.plans.recording import Recorder

FEW, MANY = 1_000, 1_000_000
MOST = 1.3  # times as long
SHOWN = 90  # characters of a statement


@dataclass
class Side(Recorder):
    """A connector with its users, and the times of each call: in the current round, and the medians of all rounds."""

    world: World = field(kw_only=True)
    neighbour: str = field(kw_only=True)
    times: dict[str, list[float]] = field(default_factory=dict)
    rounds: dict[str, list[float]] = field(default_factory=dict)
    sender: threading.local = field(default_factory=threading.local)

    def begin(self, sender: str | None) -> None:
        """Start timing a call of this thread, and record the time of the previous one."""
        last, began = getattr(self.sender, "last", (None, 0.0))
        if last is not None:
            self.took(last, time.perf_counter() - began)
        self.sender.last = sender, time.perf_counter()

    def took(self, name: str, seconds: float) -> None:
        """Record the time of a call."""
        self.times.setdefault(name, []).append(seconds * 1000)

    def run(self) -> None:
        """Make each call once."""
        self.times.clear()
        drive(self.world, self, self.neighbour)
        for name, times in self.times.items():
            self.rounds.setdefault(name, []).append(median(times))


def main(kind: str, rounds: str = "15", users: str = str(MANY)) -> None:
    """Populate both databases, make the calls in turns, print the times."""
    configure_logging("CRITICAL", "json")
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator())
        sides = [stack.enter_context(side_of(kind, number, simulator)) for number in (FEW, int(users))]
        for number in range(int(rounds) + 1):
            for side in sides if number % 2 else reversed(sides):
                side.run()
        _print(sides[0].rounds, sides[1].rounds)


@contextmanager
def side_of(kind: str, number: int, simulator: Simulator) -> Iterator[Side]:
    """Run a connector with this number of users, whose requests and worker's statements are timed."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="million-")))
        url = f"sqlite:///{directory / 'connector.db'}"
        if kind == "postgresql":
            server = stack.enter_context(databases.postgresql_server())  # drops its databases at the end
            url = databases.put_database(server, databases.new_name())
        _migrate(url)
        (directory / "data").mkdir(mode=0o700)
        settings = patient_settings(directory / "data", url, metrics_token=METRICS_TOKEN)
        clock = Clock()
        connector = stack.enter_context(ConnectorServer(settings, clock))
        connector.rest()
        world = World(connector, simulator, clock, webhook_token=WEBHOOK_TOKEN)
        began = time.monotonic()
        side = Side(world=world, neighbour=populate(world, number))
        print(f"{number} users: {time.monotonic() - began:.0f} s", file=sys.stderr)
        _time_requests(side)
        with _timed_statements(side, connector.services.database):
            yield side


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


def _time_requests(side: Side) -> None:
    def note(response: Any) -> Any:
        filters = ",".join(sorted(request.args))
        name = f"{request.method} {request.endpoint}" + (f"?{filters}" if filters else "")
        side.took(name, time.perf_counter() - g.began)
        return response

    def begin() -> None:
        g.began = time.perf_counter()

    side.world.connector.app.before_request_funcs.setdefault(None, []).insert(0, begin)
    side.world.connector.app.after_request_funcs.setdefault(None, []).append(note)


@contextmanager
def _timed_statements(side: Side, database: Database) -> Iterator[None]:
    """Time each statement that the sweep and the worker send on their own."""
    address = str(side.world.connector.settings.database_url).rpartition("/")[2]

    def before(connection: Any, _cursor: object, _text: str, *_: object) -> None:
        connection.info["began"] = time.perf_counter()

    def after(connection: Any, _cursor: object, text: str, *_: object) -> None:
        sender, _began = getattr(side.sender, "last", (None, 0.0))
        if sender in ("the sweep", "the worker") and address in str(connection.engine.url):
            side.took(f"{sender}: {' '.join(text.split())[:SHOWN]}", time.perf_counter() - connection.info["began"])

    listeners = ((Engine, "before_cursor_execute", before), (Engine, "after_cursor_execute", after))
    with listening(*listeners):
        yield


def _print(few: dict[str, list[float]], many: dict[str, list[float]]) -> None:
    for name in sorted(few.keys() & many.keys()):
        pairs = list(zip(few[name][1:], many[name][1:], strict=False))  # the first round warms up
        if not pairs:
            continue
        ratio = median(more / less for less, more in pairs)
        p50 = [median(times) for times in zip(*pairs, strict=True)]
        mark = "  <-- slower" if ratio > MOST else ""
        print(f"{p50[0]:9.2f} {p50[1]:9.2f} {ratio:6.2f}  {name}{mark}")


if __name__ == "__main__":
    main(*sys.argv[1:])
