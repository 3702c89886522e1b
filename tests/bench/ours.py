"""The connector with one subscriber, so that every result puts a row into the outbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from connector import telemetry
from connector.app import create_app
from connector.domain.history import RUN, Change
from connector.domain.workflow_run import is_final
from connector.services.outbox import Handler
from connector.settings import Settings
from tests.bench.seed import KEY


@dataclass(frozen=True)
class Notice:
    """What is delivered of each result."""

    kind: ClassVar[str] = "notice"
    verification_id: str


class Results:
    """Subscribes to the ends of runs."""

    def wants(self, change: Change) -> bool:
        return change.subject == RUN and is_final(change.current)

    def delivery(self, change: Change) -> Notice:
        return Notice(change.verification_id or "")


telemetry.configure_logging(os.environ.get("BENCH_LOG_LEVEL", "WARNING"), "json")
app = create_app(
    Settings(
        data_dir=Path(os.environ["BENCH_DIR"]),
        database_url=os.environ["BENCH_DATABASE"],
        encryption_keys=(KEY,),
        dev=True,
    ),
    subscribers=[Results()],
    handlers=[Handler(Notice, lambda notice: None)],
)
