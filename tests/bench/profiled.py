"""`connector serve` that answers in its loop's thread, whose stack is sampled after each millisecond of CPU time.

The samples are written to `BENCH_PROFILE` after `BENCH_REQUESTS` requests; those of the first requests are left out.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from connector import server
from connector.__main__ import run
from connector.serving.connection import Connection
from connector.serving.worker import BufferingWorker

INTERVAL = 0.001  # seconds of CPU time
LAYERS = (  # the innermost frame in one of these modules names the layer
    ("psycopg", "/psycopg", "connector/store/pipeline"),
    ("SQLAlchemy", "/sqlalchemy/"),
    ("logging", "/structlog/", "/logging/", "connector/telemetry"),
    ("metrics", "/prometheus_client/"),
    ("shapes: flask-smorest, marshmallow, webargs", "/flask_smorest/", "/marshmallow/", "/webargs/", "/apispec/"),
    ("Flask and Werkzeug", "/flask/", "/werkzeug/"),
    ("server: loop, gunicorn's parser and answer", "/gunicorn/", "connector/serving/"),
    ("tokens", "/joserfc/", "connector/access/"),
    ("requests, urllib3", "/requests/", "/urllib3/"),
    ("vault", "connector/store/vault"),
    ("statements: batch, compiled, dialect", "connector/store/batch", "connector/store/compiled", "store/dialect"),
    ("database: transactions", "connector/store/engine", "connector/store/availability"),
    ("store: rows", "connector/store/"),
    ("reading what Onfido sends", "connector/onfido/"),
    ("domain: judging", "connector/domain/"),
    ("use cases", "connector/services/"),
    ("API", "connector/api/"),
)


class Counts:
    """The numbers of samples, by layer and by function."""

    def __init__(self) -> None:
        self.layers: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self._began = 0.0

    def begin(self) -> None:
        """Start sampling."""
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
        self._began = time.process_time()

    def end(self, requests: int) -> None:
        """Stop sampling, and write the numbers to the file."""
        microseconds = (time.process_time() - self._began) * 1e6 / requests
        signal.setitimer(signal.ITIMER_PROF, 0)
        written = {"microseconds": microseconds, "layers": self.layers, "functions": self.functions}
        Path(os.environ["BENCH_PROFILE"]).write_text(json.dumps(written), encoding="utf-8")

    def _take(self, _signal: int, frame: FrameType | None) -> None:
        found = next(((layer, each) for each in _frames(frame) if (layer := _layer(each))), None)
        layer, at = found if found else ("other", frame)
        self.layers[layer] += 1
        if at is not None:
            file = "/".join(at.f_code.co_filename.split("/")[-3:])
            self.functions[f"{file} {at.f_code.co_qualname}"] += 1


class ProfiledWorker(BufferingWorker):
    """Answers each request at once, in the thread of the loop."""

    _counts = Counts()
    _number = 0

    def _put(self, connection: Connection, request: Any) -> None:
        first, number = int(os.environ["BENCH_WARM_UP"]), int(os.environ["BENCH_REQUESTS"])
        if request.path == "/readyz":
            self._serve(connection, request)
            return
        if self._number == first:
            self._counts.begin()
        self._serve(connection, request)
        self._number += 1
        if self._number == first + number:
            self._counts.end(number)


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _layer(frame: FrameType) -> str | None:
    name = frame.f_code.co_filename
    return next((layer for layer, *parts in LAYERS if any(part in name for part in parts)), None)


if __name__ == "__main__":
    vars(server)["BufferingWorker"] = ProfiledWorker
    run()
