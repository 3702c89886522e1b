"""Deliveries that are in flight when their receiver is removed."""

from __future__ import annotations

import time

from connector.store.deliveries import notices
from connector.store.engine import Database

PAUSE = 0.05  # seconds between two queries


def wait_until_sent(database: Database, endpoint_id: str, seconds: float) -> None:
    """Wait until no delivery to a removed receiver is in flight, for at most some seconds."""
    end = time.monotonic() + seconds
    while _is_being_sent(database, endpoint_id) and time.monotonic() < end:
        time.sleep(PAUSE)


def _is_being_sent(database: Database, endpoint_id: str) -> bool:
    with database.read() as connection:
        return notices.is_being_sent(connection, endpoint_id)
