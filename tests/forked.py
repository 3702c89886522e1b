"""Processes that start quickly, because they are forked from a process that has imported everything.

with Forked("tests.services.relaying", orders, stdout=PIPE) as process:     # calls its `run(orders)`
    ...

They are children of the test's process, and objects of `subprocess.Popen`.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
WARM = "tests.connector_process"  # imports all of the connector
MOST = 200_000  # bytes of what a process is told
CLONE_PARENT = 0x8000  # the new process is a child of the caller's parent
CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())  # the number of the system call
_lock = threading.Lock()  # the connection has one user at a time


class Forked(subprocess.Popen[Any]):
    """A process that calls `run` of a module with texts; the options are those of `Popen`."""

    def __init__(self, module: str, *arguments: str, **options: Any) -> None:
        self._module = module
        super().__init__([sys.executable, "-m", module, *arguments], **options)

    def _execute_child(  # by which `Popen` starts a program, once its pipes are open
        self, args: list[str], executable: object, preexec: object, close: object, kept: object, *others: Any
    ) -> None:
        cwd, env, _, _, _, stdin, _, _, stdout, _, stderr, *_, is_session, _ = others
        orders = {
            "module": self._module,
            "arguments": args[3:],
            "cwd": str(cwd or Path.cwd()),
            "environ": dict(os.environ if env is None else env),
            "is_session": is_session,
        }
        given = [own if descriptor == -1 else descriptor for own, descriptor in enumerate((stdin, stdout, stderr))]
        with _lock:
            origin = _origin()
            socket.send_fds(origin, [json.dumps(orders).encode()], given)
            self.pid = int(origin.recv(MOST))
        self._child_created = True
        self._close_pipe_fds(*others[5:11])  # type: ignore[attr-defined]  # the other process's ends


@cache
def _origin() -> socket.socket:
    """Return the connection to the process that has imported the connector; it ends together with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen([sys.executable, "-m", "tests.forked"], cwd=ROOT, stdin=theirs.fileno())

    def end() -> None:
        ours.close()
        process.wait(60)

    atexit.register(end)
    return ours


def main() -> None:
    """Fork a process for each message, which has what the process is told and its three standard files."""
    import_module(WARM)
    with socket.socket(fileno=os.dup(0)) as messages:
        while True:
            orders, descriptors, _, _ = socket.recv_fds(messages, MOST, 3)
            if not orders:
                return
            if _fork() == 0:
                break
            for each in descriptors:
                os.close(each)
        told = json.loads(orders)
        _prepare(told, descriptors)
        messages.send(str(os.getpid()).encode())  # only now, because the test may already end its session
    import_module(told["module"]).run(*told["arguments"])


def _prepare(told: dict[str, Any], descriptors: list[int]) -> None:
    """Make the process what it would be if it had been started."""
    if told["is_session"]:
        os.setsid()
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
        os.close(each)
    if told["is_session"] and os.isatty(0):
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # a terminal becomes that of the session, so that keys send signals
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["environ"])


def _fork() -> int:
    """Fork this process; the new one is a child of the test's process, which waits for it."""
    library = ctypes.PyDLL(None)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = library.syscall(CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    (ctypes.pythonapi.PyOS_AfterFork_Parent if pid else ctypes.pythonapi.PyOS_AfterFork_Child)()
    assert pid >= 0, "no process can be created"
    return int(pid)


if __name__ == "__main__":
    main()
