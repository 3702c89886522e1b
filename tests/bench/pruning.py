"""Pruning the history: whether its size on disk and the time of a slice stay the same while old rows are deleted.

Each cycle adds as many rows as it deletes, and vacuums in between as autovacuum does: as in a deployment that keeps the
entries of some years.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, text

from connector.store.engine import Database
from tests.bench.processes import new_database

SLICE = 10_000
KEPT = 40  # slices
CYCLES, OF_CYCLE = 10, 5  # cycles, and slices of each
ADD = text(
    "INSERT INTO history (at, tenant, provider_id, verification_id, subject, user_id, name, previous, current, cause,"
    " actor, actor_name, detail, channel)"
    " SELECT now() + number * interval '1 microsecond', 'carbon.super', md5('p')::uuid::text,"
    " md5(number::text)::uuid::text, CASE WHEN number % 4 = 0 THEN 'user' ELSE 'run' END, 'user-' || number,"
    " md5(number::text)::uuid::text, 'processing', 'approved', CASE WHEN number % 4 = 0 THEN 'admin' ELSE 'event' END,"
    " 'bob', 'bob', '{}', 'api' FROM generate_series(:first, :last) AS number"
)
# The oldest rows by id, in the order of the primary key: it reads no more than one slice, in the last cycle as well.
PRUNE = text(
    "DELETE FROM history WHERE at < :before"
    " AND id <= (SELECT max(id) FROM (SELECT id FROM history ORDER BY id LIMIT :number) AS oldest)"
)
SIZES = text("SELECT pg_relation_size('history'), pg_indexes_size('history')")
NOW = text("SELECT max(at) FROM history")


def measure(directory: Path, server: str) -> dict[str, Any]:
    """Fill the history, then add and prune; return the seconds of a slice and the sizes, at the start and the end."""
    database = Database(new_database(directory, server, "postgresql"))
    database.migrate()
    try:
        with database.write() as connection:
            _add(connection, 0, KEPT)
        cycles = [_cycle(database, at) for at in range(CYCLES)]
    finally:
        database.close()
    return {"rows": KEPT * SLICE, "first": cycles[0], "middle": cycles[CYCLES // 2], "last": cycles[-1]}


def _cycle(database: Database, number: int) -> dict[str, float]:
    seconds = []
    with database.write() as connection:
        newest = connection.execute(NOW).scalar_one()
        _add(connection, KEPT + number * OF_CYCLE, OF_CYCLE)
    for _ in range(OF_CYCLE):
        began = time.perf_counter()
        with database.write() as connection:
            deleted = connection.execute(PRUNE, {"before": newest, "number": SLICE}).rowcount
        seconds.append(time.perf_counter() - began)
        assert deleted == SLICE
    with database.read() as connection:
        connection.execute(text("VACUUM history"))
        table, indexes = connection.execute(SIZES).one()
    return {"slice_s": median(seconds), "table_mib": table / 2**20, "indexes_mib": indexes / 2**20}


def _add(connection: Connection, first: int, slices: int) -> None:
    connection.execute(ADD, {"first": first * SLICE + 1, "last": (first + slices) * SLICE})
