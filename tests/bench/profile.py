"""CPU time of a request, by layer and by process; unlike wall time it depends little on other work.

    python -m tests.bench.profile webhook [sqlite]     claims [sqlite]

First the connector alone: one process that answers each request in its loop's thread, whose stack is sampled after each
millisecond of CPU time. The innermost known frame names the layer. Then the connector and the floors, if there are
any, as they are deployed, in turns: the CPU time of their processes, and of PostgreSQL's processes for each.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))

from tests.bench import claims, webhook
from tests.bench.cpu import listeners, seconds_of, server_seconds
from tests.bench.load import send_all
from tests.bench.processes import connector, new_database
from tests.databases import postgresql_server

REQUESTS = int(os.environ.get("BENCH_EVENTS", "3000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WARM_UP = 400
LEAST_SHARE = 0.01  # of a line of the report

Serve = Callable[[], Iterator[tuple[int, list[bytes]]]]


def main() -> None:
    """Print the CPU time of the kind of request that the command line names."""
    what, kind = sys.argv[1], (sys.argv[2:] or ["postgresql"])[0]
    if what not in ("webhook", "claims"):
        sys.exit(f"{what}: must be webhook or claims.")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="profile-")))
        server = stack.enter_context(postgresql_server())
        _print_layers(directory, server, what, kind)
        if what == "webhook":
            _print_processes(directory, server, kind)


def _print_layers(directory: Path, server: str, what: str, kind: str) -> None:
    output = directory / "profile.json"
    variables = {"BENCH_PROFILE": str(output), "BENCH_WARM_UP": str(WARM_UP), "BENCH_REQUESTS": str(REQUESTS)}
    own = directory / uuid.uuid4().hex
    url, requests = _requests(what, directory, own, server, kind, WARM_UP + REQUESTS)
    with connector(own, url, module="tests.bench.profiled", **variables, CONNECTOR_WORKERS="1") as port:
        send_all(port, requests, 1)
    profile = json.loads(output.read_text())
    total, samples = profile["microseconds"], sum(profile["layers"].values())
    print(f"{what}, {kind}: {total:.0f} µs of CPU time a request ({samples} samples)")
    for name in ("layers", "functions"):
        print(f"\n{name:70} {'µs':>6}")
        counted = sorted(profile[name].items(), key=lambda each: -each[1])
        for label, number in counted:
            if number >= LEAST_SHARE * samples:
                print(f"{label:70} {total * number / samples:6.0f}")


def _requests(what: str, directory: Path, own: Path, server: str, kind: str, number: int) -> tuple[str, list[bytes]]:
    if what == "claims":
        url, each = claims.prepare(own, directory, server, kind)
        return url, [each[at % len(each)] for at in range(number)]
    url, run_ids = new_database(directory, server, kind), [str(uuid.uuid4()) for _ in range(number)]
    webhook.SERVERS[webhook.CONNECTOR].fill(directory, url, run_ids)
    return url, webhook.SERVERS[webhook.CONNECTOR].requests_for(run_ids)


def _print_processes(directory: Path, server: str, kind: str) -> None:
    names = webhook.OF_DATABASE[kind]
    events = max(100, REQUESTS // ROUNDS)
    run_ids = [str(uuid.uuid4()) for _ in range(WARM_UP + ROUNDS * events)]
    with ExitStack() as stack:
        sites = {name: stack.enter_context(_site(name, directory, server, kind, run_ids)) for name in names}
        spent: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for name in names:
            _post(name, sites[name][0], run_ids[:WARM_UP])
        for start in range(WARM_UP, len(run_ids), events):
            for name in names:
                port, url = sites[name]
                before = _seconds(port, url)
                _post(name, port, run_ids[start : start + events])
                after = _seconds(port, url)
                spent[name].append(((after[0] - before[0]) / events, (after[1] - before[1]) / events))
    print(
        f"\n{'processes, 2 x 8 threads, 16 clients':40} {'own µs':>8} {'database µs':>12} {'own, of the connector':>22}"
    )
    ours = median(own for own, _ in spent[webhook.CONNECTOR])
    for name in names:
        own, theirs = (median(column) * 1e6 for column in zip(*spent[name], strict=True))
        print(f"{name:40} {own:8.0f} {theirs:12.0f} {own / ours / 1e6:22.2f}")


@contextmanager
def _site(name: str, directory: Path, server: str, kind: str, run_ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    url = new_database(directory, server, kind)
    webhook.SERVERS[name].fill(directory, url, run_ids)
    with webhook.SERVERS[name].serve(directory, url) as port:
        yield port, url


def _post(name: str, port: int, run_ids: list[str]) -> None:
    send_all(port, webhook.SERVERS[name].requests_for(run_ids), webhook.CLIENTS)


def _seconds(port: int, url: str) -> tuple[float, float]:
    return sum(map(seconds_of, listeners(port))), 0.0 if url.startswith("sqlite") else server_seconds(url)


if __name__ == "__main__":
    main()
