"""The resources of a deployment: events per second of 1, 2 and 4 web processes, deliveries per second of as many
workers, CPU time of an event in the connector and in PostgreSQL, and bytes of a verification on disk.

The web processes get the events of real runs from 16 clients, all into one database. Afterwards its tables hold that
number of ended verifications, and their sizes are measured. CPU time depends little on other work on the machine: the
events per second that one core of the database can process are 1 s divided by PostgreSQL's CPU time of an event.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import text

from connector.store.engine import Database, lift_time_limits
from tests.bench.cpu import listeners, seconds_of, server_seconds
from tests.bench.deliveries import CREATE, rate
from tests.bench.load import send_all
from tests.bench.processes import ROOT, connector, new_database
from tests.bench.seed import event_requests, fill

PROCESSES = (1, 2, 4)
CLIENTS = 16
MILLION = 1_000_000
LEAST = 0.1  # GiB of a million verifications; smaller sizes are those of empty tables
SIZES = text(
    "SELECT relname, pg_relation_size(oid), pg_indexes_size(oid), "
    "pg_total_relation_size(oid) - pg_relation_size(oid) - pg_indexes_size(oid) "
    "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
BODIES = text("SELECT coalesce(sum(pg_column_size(body)), 0) FROM events")
RESULTS = text("SELECT coalesce(sum(pg_column_size(result)), 0) FROM verifications")


def measure(directory: Path, server: str, verifications: int, deliveries: int) -> dict[str, Any]:
    """Measure everything, with these numbers of verifications and deliveries."""
    url = new_database(directory, server, "postgresql")
    share = verifications // len(PROCESSES)
    web = {str(number): _events(directory, url, number, share) for number in PROCESSES}
    return {
        "web": web,
        "worker": {str(number): _deliveries(directory, server, number, deliveries) for number in PROCESSES},
        "disk": disk(url, share * len(PROCESSES)),
    }


def _events(directory: Path, url: str, processes: int, number: int) -> Mapping[str, float]:
    run_ids = [str(uuid.uuid4()) for _ in range(number)]
    database = Database(url)
    fill(database, run_ids, is_first=processes == PROCESSES[0])
    database.close()
    with connector(directory / uuid.uuid4().hex, url, CONNECTOR_WORKERS=str(processes)) as port:
        warm = number // 10
        send_all(port, event_requests(run_ids[:warm]), CLIENTS)
        before = _used(port, url)
        measured = send_all(port, event_requests(run_ids[warm:]), CLIENTS)
        ours, database_s = (after - began for after, began in zip(_used(port, url), before, strict=True))
    count = number - warm
    return {
        "per_second": measured.per_second,
        "p50": measured.p50,
        "p99": measured.p99,
        "cpu_ms": 1000 * ours / count,
        "database_cpu_ms": 1000 * database_s / count,
    }


def _used(port: int, url: str) -> tuple[float, float]:
    return sum(map(seconds_of, listeners(port))), server_seconds(url)


def _deliveries(directory: Path, server: str, workers: int, number: int) -> float:
    url = new_database(directory, server, "postgresql")
    database = Database(url)
    database.migrate()
    with database.write() as connection:
        connection.execute(text(CREATE))
    database.close()
    return rate(directory, url, ROOT, number, workers)


def disk(url: str, verifications: int) -> dict[str, Any]:
    """Return the GiB of a million verifications, by table, and the part that is removed after its retention."""
    database = Database(url)
    with database.write() as connection:
        lift_time_limits(connection)
        connection.execute(text("ANALYZE"))
    with database.read() as connection:
        rows = connection.execute(SIZES).all()
        passing = sum(int(connection.execute(each).scalar_one()) for each in (BODIES, RESULTS))
    database.close()
    factor = MILLION / verifications / 2**30
    tables = {name: (heap * factor, indexes * factor, toast * factor) for name, heap, indexes, toast in rows}
    grown = {name: sizes for name, sizes in sorted(tables.items()) if sum(sizes) > LEAST}
    return {
        "verifications": verifications,
        "gib_of_a_million": {
            name: {"table": heap, "indexes": indexes, "other": other} for name, (heap, indexes, other) in grown.items()
        },
        "total": sum(sum(sizes) for sizes in grown.values()),
        "of_it_bodies_and_results": passing * factor,
    }
