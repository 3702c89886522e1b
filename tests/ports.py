"""Ports for servers that bind them later, such as those in other processes."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below the range from which systems choose ports for connections and for servers that leave it to them.
CANDIDATES = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of loopback that nobody else gets before it is bound, except by a very rare chance."""
    chosen = random.SystemRandom()
    while True:
        port = chosen.choice(CANDIDATES)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
