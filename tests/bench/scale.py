"""The webhook and reading claims, with 1 k, 100 k and 1 M users in the database."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from connector.access.development import mint_token
from connector.domain.tenancy import DEFAULT_TENANT
from connector.store.engine import Database, lift_time_limits
from tests.bench.claims import PATH
from tests.bench.load import Measure, get, middle, send_all
from tests.bench.processes import connector, new_database
from tests.bench.seed import PROVIDER_ID, event_requests, fill
from tests.crowd import Place, settle

SINGLES = 40  # requests of a round


def measure(directory: Path, server: str, rounds: int, numbers: list[int]) -> dict[str, Any]:
    """Return the p50 of one client's requests for each number of users, and the ratios to the smallest."""
    run_ids = [str(uuid.uuid4()) for _ in range((rounds + 1) * SINGLES)]
    times: dict[str, dict[int, list[Measure]]] = {"webhook": {}, "claims": {}}
    with ExitStack() as stack:
        ports, reads = {}, {}
        for number in numbers:
            own = directory / f"scale-{number}"
            own.mkdir(mode=0o700)
            ports[number] = stack.enter_context(connector(own, _filled(directory, server, run_ids, number)))
            reads[number] = [get(PATH, mint_token(own, each, ["internal_login"])) for each in run_ids[:SINGLES]]
        for start in range(0, len(run_ids), SINGLES):
            batch = event_requests(run_ids[start : start + SINGLES])
            for number, port in ports.items():
                times["webhook"].setdefault(number, []).append(send_all(port, batch, 1))
                times["claims"].setdefault(number, []).append(send_all(port, reads[number], 1))
    return {name: _report(by_number) for name, by_number in times.items()}


def _report(by_number: dict[int, list[Measure]]) -> dict[str, Any]:
    smallest = by_number[min(by_number)]
    return {
        str(number): {
            "p50": middle(rounds[1:]).p50,
            "ratio": median(each.p50 / least.p50 for each, least in zip(rounds[1:], smallest[1:], strict=True)),
        }
        for number, rounds in by_number.items()
    }


def _filled(directory: Path, server: str, run_ids: list[str], number: int) -> str:
    database = Database(url := new_database(directory, server, "postgresql"))
    fill(database, run_ids)
    with database.write() as connection:
        lift_time_limits(connection)
        settle(connection, Place(DEFAULT_TENANT, PROVIDER_ID, "crowd-"), number)
    with database.read() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    database.close()
    return url
