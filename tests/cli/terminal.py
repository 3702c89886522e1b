"""A command on a terminal: its output is read, and keys are pressed."""

from __future__ import annotations

import os
import pty
import re
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.processes import CONNECTOR, started

CTRL_C = b"\x03"
PATIENCE = 120  # seconds
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """Run `python -m connector` with arguments; its output is read continuously."""

    def __init__(self, *arguments: str, log: Path | None = None, **variables: str) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "ONFIDO_"))}
        environ |= {"TERM": "xterm", "COLUMNS": "120"} | variables
        self._terminal, theirs = pty.openpty()
        with os.fdopen(theirs, "r+b", buffering=0) as end:
            options: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), end)
            self._process = started([*CONNECTOR, *arguments], env=environ, start_new_session=True, **options)
        self._parts: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            os.close(self._terminal)

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
        with suppress(OSError):  # the process has ended
            os.write(self._terminal, key)

    def status(self) -> int:
        """Wait for the end and return the exit status."""
        status = self._process.wait(timeout=PATIENCE)
        self._reader.join()
        return status

    def _read(self) -> None:
        with suppress(OSError):  # by which Linux reports that no process has the terminal any more
            while part := os.read(self._terminal, 4096):
                self._parts.append(part)
