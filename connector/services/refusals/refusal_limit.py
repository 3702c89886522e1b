"""The limit of recorded refusals: an attacker must not be able to write any number of rows.

For each actor, object and cause there is at most one entry per minute, and for each actor at most `MOST`, independent
of the number of processes (with several of them, each may add one at the same moment). Further refusals are only
logged. The check costs an index look-up; after `MOST_LOOKS` refusals of an actor in a minute, or `MOST_LOOKS_OF_ALL` in
total, a process skips even that.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from connector.domain.audit.history import Change
from connector.store import history

MOST = 100  # entries of one actor per minute
MOST_LOOKS = 1_000  # of a process, for one actor
MOST_LOOKS_OF_ALL = 10_000
Key = tuple[str | None, ...]


class RefusalLimit:
    """Limits the recorded refusals; shared by all use cases of a process."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minute: datetime | None = None
        self._looks: Counter[Key] = Counter()
        self._under_way: Counter[Key] = Counter()

    @contextmanager
    def turn(self, entry: Change) -> Iterator[bool]:
        """Yield whether there is room to record an entry now; no other thread records the same one meanwhile."""
        key, actor = _key(entry), _actor(entry)
        is_mine = self._take(key, actor)
        try:
            yield is_mine
        finally:
            if is_mine:
                with self._lock:
                    self._under_way.subtract((key, actor))
                    self._under_way += Counter()  # removes zero counts

    def has_room(self, connection: Connection, entry: Change) -> bool:
        """Whether an entry is the first of its kind in this minute, and its actor does not have too many."""
        since = _minute_of(entry.at)
        with self._lock:  # first: one that ends in between is counted twice rather than not at all
            others = self._under_way[_actor(entry)] - 1
        known = history.find_refusals_by(connection, entry.tenant, entry.actor or "", entry.subject, since, MOST)
        return len(known) + others < MOST and _key(entry) not in map(_key, known)

    def _take(self, key: Key, actor: Key) -> bool:
        minute = _minute_of(self._clock())
        with self._lock:
            if minute != self._minute:
                self._minute, self._looks = minute, Counter()
            is_full = self._looks[actor] >= MOST_LOOKS or self._looks.total() >= MOST_LOOKS_OF_ALL
            if is_full or self._under_way[key]:
                return False
            self._looks[actor] += 1
            self._under_way.update((key, actor))
            return True


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _key(entry: Change) -> Key:
    return entry.tenant, entry.actor, entry.subject, entry.name, entry.current, entry.provider_id, entry.user_id


def _actor(entry: Change) -> Key:
    return entry.tenant, entry.actor, entry.subject
