"""Wake-ups: an idle worker is notified of a delivery as soon as it is committed.

    a transaction adds deliveries ──commit──► workers of this process
                                  └─NOTIFY─► a listening connection ──► workers of another (PostgreSQL only)

A wake-up is a hint. If one is lost, or a pooler does not forward it, the next poll finds the delivery.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Self
from weakref import WeakValueDictionary

from sqlalchemy import Connection, func, literal_column, select

from connector.store import batch

CHANNEL = "connector_outbox"
NOTIFY = func.pg_notify(literal_column(f"'{CHANNEL}'"), literal_column("''")).label("notified")

_NOTIFY = select(NOTIFY)

# PostgreSQL commits notifying transactions one after another, so a process that has just notified does not do so again.
# A notified worker polls a second time after the pause: by then, deliveries that were added without a notification are
# committed.
QUIET = 0.01  # seconds
SECOND_LOOK = 2 * QUIET
_ADDED = "added"

# With these, a connection over TCP notices a dead or silent host within about a minute.
NOTICES_DEATH = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_LISTENING = {"connect_timeout": 10, "autocommit": True, **NOTICES_DEATH}


class WakeUp:
    """Wakes the threads of this process that wait for deliveries of one database."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._count = 0
        self._notified_at = float("-inf")

    @property
    def count(self) -> int:
        """The number of wake-ups so far, to be read before polling for deliveries."""
        return self._count

    @property
    def is_quiet(self) -> bool:
        """Whether other processes were notified so recently that they will poll again anyway."""
        return self._clock() - self._notified_at < QUIET

    def set(self, *, is_notified: bool = False) -> None:
        """Wake every waiting thread; `is_notified` if other processes were notified at the same time."""
        with self._condition:
            self._count += 1
            if is_notified:
                self._notified_at = self._clock()
            self._condition.notify_all()

    def wait(self, count: int, timeout: float) -> None:
        """Return once there was a wake-up after the first `count`, or after `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != count, timeout)


_wake_ups: WeakValueDictionary[str, WakeUp] = WeakValueDictionary()
_lock = threading.Lock()


def wake_up_of(url: str) -> WakeUp:
    """Return the wake-up of this process's workers on a database; everyone who opens that database shares it."""
    with _lock:
        return _wake_ups.setdefault(url, WakeUp())


class Inserted(Protocol):
    """The answer to a statement that inserts deliveries."""

    @property
    def rowcount(self) -> int:
        """The number of inserted rows."""
        ...


@dataclass
class AddedDeliveries:
    """Whether a transaction adds deliveries, and notifies other processes of them.

    `conditional` are the answers to insertions whose conditions the database checks: each with whether it notifies.
    """

    wake_up: WakeUp
    has_deliveries: bool = False
    notifies: bool = False
    conditional: list[tuple[Inserted, bool]] = field(default_factory=list)

    def begin(self, connection: Connection) -> None:
        """Attach to the transaction that a connection is about to execute."""
        connection.info[_ADDED] = self

    def is_late(self) -> bool:
        """Whether other processes, notified shortly before the insertions, may have polled again before the commit.

        A transaction can take long after its insertions, for example because it waits for a lock.
        """
        is_notified = self.notifies or any(notifies for _, notifies in self.conditional)
        return bool(self.has_deliveries or self.conditional) and not (is_notified or self.wake_up.is_quiet)

    def notify(self, connection: Connection) -> None:
        """Queue a notification of other processes, which is sent with the commit."""
        notify(connection)
        self.notifies = True

    def publish(self) -> bool:
        """Wake this process's workers after the commit; return whether other processes still have to be notified.

        They have to be if the commit took so long that they may have polled again, in vain, since they were notified.
        """
        inserted = [notifies for answer, notifies in self.conditional if answer.rowcount > 0]
        if not (self.has_deliveries or inserted):
            return False
        is_notified = self.notifies or any(inserted)
        is_missed = not (is_notified or self.wake_up.is_quiet)
        self.wake_up.set(is_notified=is_notified or is_missed)
        return is_missed


def notify(connection: Connection) -> None:
    """Queue a notification of other processes."""
    batch.execute(connection, _NOTIFY, {})


def announce(connection: Connection) -> bool:
    """Record that a transaction adds deliveries; return whether its statement must notify other processes."""
    notifies = must_notify(connection)
    if added := _added(connection):
        added.has_deliveries = True
        added.notifies = notifies
    return notifies


def must_notify(connection: Connection) -> bool:
    """Whether a statement that may insert deliveries must notify other processes if it does."""
    added = _added(connection)
    return added is None or added.notifies or not added.wake_up.is_quiet


def announce_if_inserted(connection: Connection, answer: Inserted, *, notifies: bool) -> None:
    """Record that a transaction adds deliveries if a statement, which `notifies` other processes, inserts rows."""
    if added := _added(connection):
        added.conditional.append((answer, notifies))


def _added(connection: Connection) -> AddedDeliveries | None:
    added: AddedDeliveries | None = connection.info.get(_ADDED)
    return added


class Notifications:
    """A separate connection to PostgreSQL that receives notifications; raises the driver's errors."""

    def __init__(self, connect: Any) -> None:
        self._driver = connect(**_LISTENING)
        self._driver.execute(f"LISTEN {CHANNEL}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._driver.close()

    def fileno(self) -> int:
        """Return the socket's number: it is readable when there may be notifications."""
        return int(self._driver.fileno())

    def drain(self) -> bool:
        """Remove the notifications that have arrived; False if there are none."""
        return bool(list(self._driver.notifies(timeout=0)))
