"""A command on a terminal: its output is read, and keys are pressed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

CTRL_C = b"\x03"
PATIENCE = 120  # seconds
# Runs a command on a terminal of its own and passes on its input and output; ends the command on request.
_RUN = """
import os, pty, select, signal, sys
child, terminal = pty.fork()
if not child:
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
sources = {0: terminal, terminal: 1}
while terminal in sources:
    for source in select.select(list(sources), [], [])[0]:
        try:
            part = os.read(source, 4096)
        except OSError:  # Linux reports by this that the terminal is closed
            part = b""
        os.write(sources[source], part) if part else sources.pop(source)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
"""
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """Run `python -m connector` with arguments; its output is read continuously."""

    def __init__(self, *arguments: str, log: Path | None = None, **variables: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "ONFIDO_"))}
        environ |= {"TERM": "xterm", "COLUMNS": "120"} | variables
        command = [sys.executable, "-c", _RUN, sys.executable, "-m", "connector", *arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:  # waits for it, and closes its pipes
            self._process.terminate()
            try:
                self._process.wait(timeout=PATIENCE)
            finally:
                self._process.kill()
                self._reader.join()

    @property
    def shown(self) -> str:
        """The output so far, without colours."""
        return _COLOURS.sub("", b"".join(self._parts).decode()).replace("\r\n", "\n")

    def expect(self, text: str) -> None:
        """Wait until a text is shown."""
        end = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert self._process.poll() is None or text in self.shown, self.shown
            assert time.monotonic() < end, self.shown
            time.sleep(0.02)

    def press(self, key: bytes) -> None:
        """Press a key."""
        assert self._process.stdin is not None
        self._process.stdin.write(key)
        self._process.stdin.flush()

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        status = self._process.wait(timeout=PATIENCE)
        self._reader.join()
        return status

    def _read(self) -> None:
        assert self._process.stdout is not None
        while part := os.read(self._process.stdout.fileno(), 4096):
            self._parts.append(part)
