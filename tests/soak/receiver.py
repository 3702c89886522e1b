"""`python -m tests.soak.receiver ADDRESS:PORT DIRECTORY`: a receiver of pushed signals, with the faults of receivers.

It appends each accepted token to a file named after the path. It refuses some tokens for a moment, loses answers, so
that events are repeated, and accepts nothing for some seconds of each minute.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.loopback import Quiet

ABSENT = 5.0  # seconds of each minute
REFUSED, LOST = 0.05, 0.05  # of all events: refused for a moment, and accepted without an answer


def main() -> None:
    address, directory = sys.argv[1:]
    host, _, port = address.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), _handler(Path(directory)))
    print("ready", flush=True)
    server.serve_forever()


def _handler(directory: Path) -> type[Quiet]:
    lock, chance = threading.Lock(), random.Random(1)

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802  the base class's name
            token = self.body()
            number = chance.random()
            if token is None:
                return
            if number < REFUSED or time.monotonic() % 60 < ABSENT:
                self.answer(503)
                return
            with lock, (directory / self.path.strip("/")).open("ab") as file:
                file.write(token + b"\n")
            if number > 1 - LOST:
                self.close_connection = True
            else:
                self.answer(202)

    return Handler


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
