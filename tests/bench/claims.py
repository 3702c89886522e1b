"""Reading the claims of a user: the connector against a bare view with the same token check."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from connector.access.development import mint_token
from connector.store.engine import Database
from tests.bench.load import get, middle, ratio, send_all
from tests.bench.processes import at_distance, connector, gunicorn, new_database
from tests.bench.seed import fill
from tests.postgresql_proxy import PostgresqlProxy

PATH = "/api/users/v1/me/idv/claims"
CLIENTS, USERS = 16, 100
RATIOS = {"throughput": "per_second", "p99": "p99"}


def measure(directory: Path, server: str, kind: str, milliseconds: float, rounds: int, reads: int) -> dict[str, Any]:
    """Read claims with 16 clients and with one, in turns; return the medians and the ratios."""
    url, requests = prepare(directory / "claims", directory, server, kind)
    batch = [requests[number % len(requests)] for number in range(reads)]
    together, alone = [], []
    with ExitStack() as stack:
        reached = stack.enter_context(at_distance(url, milliseconds))
        ports = {
            "connector": stack.enter_context(connector(directory / "claims", reached)),
            "bare view": stack.enter_context(gunicorn(directory, "tests.bench.bare:app", _environ(directory, reached))),
        }
        for number in range(-1, rounds):
            turn = list(ports.items()) if number % 2 else list(reversed(ports.items()))
            together.append({name: send_all(port, batch, CLIENTS) for name, port in turn})
            alone.append({name: send_all(port, batch[: reads // 4], 1) for name, port in turn})
    del together[0], alone[0]  # to warm up
    measured = {name: asdict(middle(each[name] for each in together)) for name in ports}
    for name in ports:
        measured[name]["p50_alone"] = middle(each[name] for each in alone).p50
    both = [[each[name] for each in together] for name in ports]
    ratios = {f"{name}_ratio": ratio(both[0], both[1], value) for name, value in RATIOS.items()}
    return {"database": kind, "milliseconds": milliseconds, "measured": measured} | ratios


def round_trips(directory: Path, server: str) -> float:
    """Return the number of round trips to PostgreSQL for one reading of claims, counted at the wire."""
    url, requests = prepare(directory / "claims", directory, server, "postgresql")
    proxy = PostgresqlProxy(url)
    with connector(directory / "claims", proxy.url) as port:
        send_all(port, requests, 1)
        with proxy.counted() as counted:
            send_all(port, requests, 1)
    proxy.close()
    return counted[0] / len(requests)


def prepare(own: Path, directory: Path, server: str, kind: str) -> tuple[str, list[bytes]]:
    """Fill a database; return its URL and a request for each user. `own` is the connector's data directory."""
    url, user_ids = new_database(directory, server, kind), [str(uuid.uuid4()) for _ in range(USERS)]
    database = Database(url)
    fill(database, user_ids)
    database.close()
    own.mkdir(mode=0o700, exist_ok=True)
    tokens = [mint_token(own, user_id, ["internal_login"]) for user_id in user_ids]
    return url, [get(PATH, token) for token in tokens]


def _environ(directory: Path, url: str) -> dict[str, str]:
    return {"BENCH_DATABASE": url, "BENCH_DIR": str(directory / "claims"), "BENCH_LOCK": str(directory / "bare.lock")}
