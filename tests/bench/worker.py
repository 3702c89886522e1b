"""A worker process whose deliveries are local: `python tests/bench/worker.py URL DIRECTORY`.

It imports nothing of the tests, so that it can run on an earlier version as well.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import text

from connector.bootstrap import create_services
from connector.services.outbox import Handler
from connector.settings import Settings
from connector.store.deliveries import outbox
from connector.worker import create_relay


@dataclass(frozen=True)
class Nothing:
    """A delivery that does nothing, so that only the outbox is measured."""

    kind: ClassVar[str] = "nothing"
    number: int


@dataclass(frozen=True)
class Stamp:
    """A delivery that records when it starts, by the database's clock."""

    kind: ClassVar[str] = "stamp"
    number: int


def work(url: str, directory: Path) -> None:
    """Deliver until standard input ends; each line of it is the number of rows to add."""
    services = create_services(
        Settings(data_dir=directory, database_url=url, sweep_interval=3600),
        handlers=[Handler(Nothing, lambda _: None, batch=20), Handler(Stamp, lambda stamp: _record(services, stamp))],
    )
    relay = create_relay(services, threads=2)
    relay.start()
    print("ready", flush=True)
    for line in sys.stdin:
        with services.database.write() as connection:
            outbox.add_all(connection, [Nothing(number) for number in range(int(line))])
    relay.stop()
    services.close()


def _record(services: Any, stamp: Stamp) -> None:
    with services.database.write() as connection:
        connection.execute(text("INSERT INTO bench_starts (number) VALUES (:number)"), {"number": stamp.number})


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]))
