"""The command `connector` for scripts of a shell, whose processes are forked (`tests/forked.py`).

with forking(directory) as inherited:  # the shell finds the command in the directory, and inherits the descriptor
    ...

Servers are started as users start them.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests.forked import MOST
from tests.processes import CONNECTOR, running

# It imports no package, which is why it starts quickly.
COMMAND = """#!{python} -IS
import json, os, socket, sys

if sys.argv[1:2] in (["serve"], ["simulate"]):
    os.execv("{program}", ["{program}", *sys.argv[1:]])
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
told = {{"arguments": sys.argv[1:], "cwd": os.getcwd(), "environ": dict(os.environ)}}
with socket.socket(fileno={inherited}) as forking:
    socket.send_fds(forking, [json.dumps(told).encode()], [theirs.fileno(), 0, 1, 2])
theirs.close()
sys.exit(int(ours.recv(100)))
"""


@contextmanager
def forking(directory: Path) -> Iterator[int]:
    """Create the command in a directory; yield the descriptor that it uses, and wait until no process has it open."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = Path(sys.executable).parent / "connector"
    command = directory / "connector"
    command.write_text(COMMAND.format(python=sys.executable, program=program, inherited=theirs.fileno()))
    command.chmod(0o755)
    thread = Thread(target=_fork_all, args=(ours,))
    with ours:
        thread.start()
        try:
            yield theirs.fileno()
        finally:
            theirs.close()
            thread.join()


def _fork_all(commands: socket.socket) -> None:
    """Run one command after another, and send each caller its status."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(commands, MOST, 4)
        if not message:
            return
        told = json.loads(message)
        files = dict(zip(("stdin", "stdout", "stderr"), descriptors[1:], strict=True))
        with socket.socket(fileno=descriptors[0]) as caller:
            with running([*CONNECTOR, *told["arguments"]], cwd=told["cwd"], env=told["environ"], **files) as process:
                for each in files.values():
                    os.close(each)
                status = process.wait()
            caller.send(str(status).encode())
