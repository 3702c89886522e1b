"""An export in a separate process (`tests/forked.py`), which prints the memory that it used.

In this process nothing else allocates memory, unlike in the tests' process.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

from connector import telemetry
from connector.app import create_app
from connector.settings import Settings


def run(text: str) -> None:
    """Export as ordered."""
    telemetry.configure_logging("WARNING", "json")
    orders = json.loads(text)
    settings = Settings(data_dir=Path(orders["data_dir"]), database_url=orders["database_url"], dev=True)
    app = create_app(settings)
    pieces = export(app, orders)
    first = next(pieces)  # by now, all is loaded that the first request loads
    size, lines = len(first), first.count(b"\r\n")
    tracemalloc.start()
    for piece in pieces:
        size, lines = size + len(piece), lines + piece.count(b"\r\n")
    _, peak = tracemalloc.get_traced_memory()
    app.extensions["services"].close()
    sys.stdout.write(json.dumps({"size": size, "lines": lines, "peak": peak}))
    sys.stdout.flush()


def export(app: Any, orders: Any) -> Any:
    """Return the answer's pieces as a server would send them."""
    answer = app.test_client().get(orders["path"], headers=orders["headers"])
    assert answer.status_code == 200
    yield from answer.iter_encoded()
    answer.close()
