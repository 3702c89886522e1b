"""Counting refused posts to webhooks, without allowing their senders to write any number of rows.

    a refused post ──► a count in memory, by provider and cause
                       └──► once in `interval`, by a separate thread: one transaction adds all counts

The request itself writes nothing. There are at most as many rows as providers times causes; unknown providers are not
counted. The counts since the last write are lost if the process is killed, but not if it is stopped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from connector import metrics
from connector.domain.events import RefusedPosts
from connector.errors import logged_reason
from connector.store.engine import Database
from connector.store.providers import refused_posts

log = structlog.get_logger(__name__)

INTERVAL = 60.0  # seconds between two writes of one process
MOST = 10_000  # providers and causes that are counted at once; far more than administrators register

Counts = dict[tuple[str, str], RefusedPosts]


class RefusedPostCounts:
    """Counts refused posts; thread-safe."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], interval: float = INTERVAL, most: int = MOST
    ) -> None:
        self._database = database
        self._clock = clock
        self._interval = interval
        self._most = most
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._counts: Counts = {}
        self._thread: threading.Thread | None = None
        self._written_at: float | None = None
        self._stopping = threading.Event()

    def count(self, provider_id: str, cause: str) -> None:
        """Count one refused post of a provider that exists."""
        metrics.POSTS_REFUSED.labels(cause).inc()
        now = self._clock()
        with self._lock:
            self._add({(provider_id, cause): RefusedPosts(provider_id, "", cause, 1, now, now)})
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="refused-posts", daemon=True)
                self._thread.start()

    def write(self) -> None:
        """Write the counts; if the database is unavailable, keep them."""
        with self._writing:
            with self._lock:
                counts, self._counts = self._counts, {}
            if not counts:
                return
            self._written_at = time.monotonic()
            try:
                with self._database.write() as connection:
                    refused_posts.add_all(connection, list(counts.values()))
            except Exception as error:  # noqa: BLE001  counts of refused posts must not end the thread
                log.warning("refused_posts.not_written", reason=logged_reason(error))
                with self._lock:
                    self._add(counts)

    def close(self) -> None:
        """Stop, and write the remaining counts."""
        self._stopping.set()
        if thread := self._thread:
            thread.join()
        self.write()

    def _add(self, counts: Mapping[tuple[str, str], RefusedPosts]) -> None:
        """Add counts to those in memory; the caller holds the lock."""
        for key, new in counts.items():
            if known := self._counts.get(key):
                first_at, last_at = min(known.first_at, new.first_at), max(known.last_at, new.last_at)
                new = replace(known, number=known.number + new.number, first_at=first_at, last_at=last_at)  # noqa: PLW2901
            if known or len(self._counts) < self._most:
                self._counts[key] = new

    def _run(self) -> None:
        """Write at the interval, until the counts are written after the end."""
        while True:
            self._stopping.wait(self._pause())
            self.write()
            with self._lock:
                if not self._counts or self._stopping.is_set():
                    self._thread = None
                    return

    def _pause(self) -> float:
        since = self._interval if self._written_at is None else time.monotonic() - self._written_at
        return max(0.0, self._interval - since)
