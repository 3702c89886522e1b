"""Processes that start quickly, because they are forked from a process that has imported everything.

process = fork("tests.services.relaying", orders)     # calls its `run(orders)`; its output is `process.stdout`
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST = 65_536  # bytes of what a process is told


class Forked:
    """A process that is not a child of this one, with those methods of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.stdout = os.fdopen(output)
        self._descriptor = os.pidfd_open(pid)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def has_ended(self, timeout: float = 0) -> bool:
        return bool(select.select([self._descriptor], [], [], timeout)[0])

    def wait(self, timeout: float) -> None:
        if not self.has_ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout)

    def close(self) -> None:
        """Forget the process, which has ended."""
        self.stdout.close()
        os.close(self._descriptor)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)


def fork(module: str, orders: str) -> Forked:
    """Start a process that calls the module's `run(orders)`."""
    output, written = os.pipe()
    origin = _origin(module)
    try:
        socket.send_fds(origin, [orders.encode()], [written])
        return Forked(int(origin.recv(MOST)), output)
    finally:
        os.close(written)


@cache
def _origin(module: str) -> socket.socket:
    """Return the connection to the process that has imported the module; that process ends together with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, "-m", "tests.forked", module], cwd=ROOT, stdin=theirs.fileno())

    def end() -> None:
        ours.close()
        process.wait(60)

    atexit.register(end)
    return ours


def main() -> None:
    """Fork a process for each message, which has the orders and the output of the process; answer with its id."""
    run = import_module(sys.argv[1]).run
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes note of their ends
    with socket.socket(fileno=os.dup(0)) as messages:
        while True:
            orders, descriptors, _, _ = socket.recv_fds(messages, MOST, 1)
            if not orders:
                return
            [output] = descriptors
            if (pid := os.fork()) == 0:
                break
            os.close(output)
            messages.send(str(pid).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.close(output)
    run(orders.decode())


if __name__ == "__main__":
    main()
