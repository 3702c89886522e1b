"""Events, posted to the connector, to the floors and to django-onfido in turns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from connector.store.engine import Database
from tests.bench import peer
from tests.bench.load import Measure, middle, ratio, send_all
from tests.bench.processes import at_distance, connector, gunicorn, new_database
from tests.bench.seed import event_requests, fill
from tests.postgresql_proxy import PostgresqlProxy

CLIENTS = 16
WARM_UP, COUNTED = 400, 20


@dataclass(frozen=True)
class Server:
    """A measured program: the functions that fill its database, run it, and return the events to post."""

    fill: Callable[[Path, str, Sequence[str]], None]
    serve: Callable[[Path, str], AbstractContextManager[int]]
    requests_for: Callable[[list[str]], list[bytes]]


def _fill(_directory: Path, url: str, run_ids: Sequence[str]) -> None:
    database = Database(url)
    fill(database, list(run_ids))
    database.close()


def _connector(directory: Path, url: str) -> AbstractContextManager[int]:
    return connector(directory / uuid.uuid4().hex, url)


def _floor(module: str) -> Callable[[Path, str], AbstractContextManager[int]]:
    def serve(directory: Path, url: str) -> AbstractContextManager[int]:
        environ = {"BENCH_DATABASE": url, "BENCH_LOCK": str(directory / uuid.uuid4().hex)}
        return gunicorn(directory, f"tests.bench.{module}:app", environ)

    return serve


CONNECTOR, FLOOR, PIPELINED, PEER = "connector", "floor", "pipelined floor", "django-onfido"
SERVERS = {
    CONNECTOR: Server(_fill, _connector, event_requests),
    FLOOR: Server(_fill, _floor("floor"), event_requests),
    PIPELINED: Server(_fill, _floor("pipelined"), event_requests),
    PEER: Server(peer.fill, peer.serve, peer.requests_for),
}
OF_DATABASE = {"sqlite": (CONNECTOR, FLOOR), "postgresql": tuple(SERVERS)}


def measure(directory: Path, server: str, kind: str, milliseconds: float, rounds: int, events: int) -> dict[str, Any]:
    """Post events with 16 clients and with one, in turns; return the medians and the connector's ratios."""
    names = OF_DATABASE[kind]
    singles = max(20, events // 8)
    run_ids = [str(uuid.uuid4()) for _ in range(WARM_UP + rounds * (events + singles))]
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(
                _serve(name, directory, new_database(directory, server, kind), milliseconds, run_ids)
            )
            for name in names
        }
        _post(names, ports, run_ids[:WARM_UP], CLIENTS)
        together, alone = [], []
        for number, start in enumerate(range(WARM_UP, len(run_ids), events + singles)):
            turn = names if number % 2 else names[::-1]
            together.append(_post(turn, ports, run_ids[start : start + events], CLIENTS))
            alone.append(_post(turn, ports, run_ids[start + events : start + events + singles], 1))
    return {"database": kind, "milliseconds": milliseconds} | _report(names, together, alone)


def round_trips(directory: Path, server: str) -> dict[str, float]:
    """Return the number of round trips of each program to PostgreSQL for one event, counted at the wire."""
    return {name: _round_trips(name, directory, new_database(directory, server, "postgresql")) for name in SERVERS}


def _round_trips(name: str, directory: Path, url: str) -> float:
    run_ids = [str(uuid.uuid4()) for _ in range(WARM_UP + COUNTED)]
    SERVERS[name].fill(directory, url, run_ids)
    proxy = PostgresqlProxy(url)
    with SERVERS[name].serve(directory, proxy.url) as port:
        _post([name], {name: port}, run_ids[:WARM_UP], 1)
        with proxy.counted() as counted:
            _post([name], {name: port}, run_ids[WARM_UP:], 1)
    proxy.close()
    return counted[0] / COUNTED


@contextmanager
def _serve(name: str, directory: Path, url: str, milliseconds: float, run_ids: Sequence[str]) -> Iterator[int]:
    SERVERS[name].fill(directory, url, run_ids)
    with at_distance(url, milliseconds) as reached, SERVERS[name].serve(directory, reached) as port:
        yield port


def _post(names: Sequence[str], ports: dict[str, int], run_ids: list[str], clients: int) -> dict[str, Measure]:
    prepared = {name: SERVERS[name].requests_for(run_ids) for name in names}
    return {name: send_all(ports[name], prepared[name], clients) for name in names}


def _report(
    names: Sequence[str], together: Sequence[dict[str, Measure]], alone: Sequence[dict[str, Measure]]
) -> dict[str, Any]:
    measured = {name: asdict(middle(each[name] for each in together)) for name in names}
    for name in names:
        measured[name]["p50_alone"] = middle(each[name] for each in alone).p50
    ours = [each[CONNECTOR] for each in together]
    others = {name: [each[name] for each in together] for name in names if name != CONNECTOR}
    return {
        "measured": measured,
        "throughput_ratio": {name: ratio(ours, theirs, "per_second") for name, theirs in others.items()},
        "p99_ratio": {name: ratio(ours, theirs, "p99") for name, theirs in others.items()},
    }
