"""The connector, with one listener, so that every result puts a row into the outbox."""

from __future__ import annotations

import os
from pathlib import Path

from connector import telemetry
from connector.app import create_app
from connector.services.outbox import Kind
from connector.settings import Settings
from tests.bench.seed import KEY

telemetry.configure_logging(os.environ.get("BENCH_LOG_LEVEL", "WARNING"), "json")
app = create_app(
    Settings(
        data_dir=Path(os.environ["BENCH_DIR"]),
        database_url=os.environ["BENCH_DATABASE"],
        encryption_keys=(KEY,),
        dev=True,
    ),
    listeners={"notice": Kind(lambda payload: None)},
)
