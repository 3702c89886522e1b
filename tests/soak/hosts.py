"""Two hosts on one machine: network namespaces or, if those are not allowed, loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

BRIDGE = f"soak{os.getpid() % 10000}"
ROOT = "10.203.7.1"
NAMES = ("a", "b")


@dataclass(frozen=True)
class Host:
    """A host: the address on which its processes listen, and the command that runs programs there."""

    name: str
    address: str
    command: Sequence[str]

    @property
    def is_namespace(self) -> bool:
        """Whether the host is a namespace with its own loopback."""
        return bool(self.command)


def obstacle() -> str:
    """Return the reason why namespaces cannot be created; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces need the program `ip` (Debian's iproute2)"
    tried = subprocess.run(["ip", "netns", "add", f"{BRIDGE}t"], capture_output=True, check=False)
    if tried.returncode:
        return "this machine allows no network namespaces"
    subprocess.run(["ip", "netns", "del", f"{BRIDGE}t"], check=False)
    return ""


@contextmanager
def hosts() -> Iterator[list[Host]]:
    """Create two hosts, and remove them at the end."""
    if obstacle():
        yield [Host(name, "127.0.0.1", ()) for name in NAMES]
        return
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{ROOT}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield [_namespace(at, name) for at, name in enumerate(NAMES, start=2)]
    finally:
        for name in NAMES:
            _ip("netns", "del", f"{BRIDGE}{name}", check=False)
        _ip("link", "del", BRIDGE, check=False)


def _namespace(number: int, name: str) -> Host:
    space, address = f"{BRIDGE}{name}", f"{ROOT.rpartition('.')[0]}.{number}"
    outside, inside = f"{BRIDGE}{name}o", f"{BRIDGE}{name}i"
    _ip("netns", "add", space)
    _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", space)
    _ip("link", "set", outside, "master", BRIDGE, "up")
    command = ("ip", "netns", "exec", space)
    for arguments in (("addr", "add", f"{address}/24", "dev", inside), ("link", "set", inside, "up")):
        _ip("-n", space, *arguments)
    _ip("-n", space, "link", "set", "lo", "up")
    return Host(name, address, command)


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True, timeout=60)
