"""The running processes, each with its settings in force, so that differences are visible.

A process registers when it starts, reports every `BEAT` seconds, and leaves when it ends. Exact values are compared by
keyed digests, so that no secret is stored. The first process of a role with other settings than the last one records
the change in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from connector.domain.audit.differences import REPLACED
from connector.domain.audit.history import CHANGED, SETTINGS, SYSTEM, by_administrator
from connector.domain.frozen import frozen
from connector.domain.ids import new_id
from connector.services.journal import Journal
from connector.services.use_case import use_case
from connector.store import processes
from connector.store.engine import Database
from connector.store.processes import StoredProcess
from connector.store.vault import Fingerprints

BEAT = 30.0  # seconds between two reports
SILENT = timedelta(seconds=4 * BEAT)  # after this, a process has ended or hangs
KEPT = timedelta(days=30)  # the time for which a process is stored, to compare the next one with it


@frozen
class Starting:
    """A process that starts: its settings for display, and the exact values of those that all processes share."""

    role: str
    host: str
    number: int
    operator_tenant: str
    shown: Mapping[str, Any]
    exact: Mapping[str, str]


@frozen
class Running:
    """A running process; `differing` are the settings that differ from the process that started last."""

    role: str
    host: str
    number: int
    started_at: datetime
    seen_at: datetime
    differing: Sequence[str]


@use_case
class Processes:
    """Maintains the list of running processes."""

    _database: Database
    _fingerprints: Fingerprints
    _journal: Journal
    _clock: Callable[[], datetime]

    def register(self, starting: Starting) -> str:
        """Add a process, record the changes since the last one of its role, and return the process's id."""
        now, process_id = self._clock(), new_id()
        marks = {name: self._mark(name, value) for name, value in starting.exact.items()}
        with self._database.write() as connection:
            processes.forget(connection, now - KEPT)
            processes.lock_all(connection)  # so that of several processes that start at once each sees the previous one
            known = processes.find_all(connection, now - KEPT)
            row = {"role": starting.role, "host": starting.host, "number": starting.number, "shown": starting.shown}
            processes.add(connection, process_id, {**row, "marks": marks, "started_at": now, "seen_at": now})
            self._record_change(connection, starting, marks, known, now)
        return process_id

    def beat(self, process_id: str) -> bool:
        """Record that a process still runs; False if it is no longer listed."""
        with self._database.write() as connection:
            return processes.set_seen(connection, process_id, self._clock())

    def leave(self, process_id: str) -> None:
        """Record that a process has ended."""
        with self._database.write() as connection:
            processes.set_seen(connection, process_id, self._clock(), self._clock())

    def running(self) -> list[Running]:
        """Return the running processes, the latest started first, each with its differences from the first."""
        with self._database.read() as connection:
            alive = processes.find_all(connection, self._clock() - SILENT)
        alive = [each for each in alive if each.left_at is None]
        return [_running(each, alive[0].marks) for each in alive]

    def _mark(self, name: str, value: str) -> str:
        return self._fingerprints.of("", "settings", name, value)[:32]

    def _record_change(
        self,
        connection: Connection,
        starting: Starting,
        marks: Mapping[str, str],
        known: Sequence[StoredProcess],
        now: datetime,
    ) -> None:
        former = next((each for each in known if each.role == starting.role), None)
        names = [] if former is None else _differing(marks, former.marks)
        if former is None or not names:
            return
        shown = ((name, former.shown.get(name), starting.shown.get(name)) for name in names)
        # If the displayed value is the same, a secret was replaced.
        changes = {name: {"from": old, "to": new if new != old else REPLACED} for name, old, new in shown}
        key = starting.operator_tenant, SETTINGS, starting.role, CHANGED
        entry = by_administrator(now, SYSTEM, *key, {"host": starting.host}, changes=changes)
        self._journal.record(connection, [entry])


def _running(process: StoredProcess, marks: Mapping[str, str]) -> Running:
    key = process.role, process.host, process.number, process.started_at, process.seen_at
    return Running(*key, _differing(process.marks, marks))


def _differing(marks: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {**marks, **others} if marks.get(name) != others.get(name))
