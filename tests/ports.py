"""Ports for servers that bind them later, such as those in other processes."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

# Below the range from which systems choose ports for connections and for servers that leave it to them.
CANDIDATES = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of loopback that no other test gets before all others were given out."""
    while True:
        port = next(_GIVEN)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _given() -> Iterator[int]:
    """Yield this process's share of the candidates again and again, in an order of its own."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = CANDIDATES[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    while True:
        yield from random.SystemRandom().sample(mine, len(mine))


_GIVEN = _given()
