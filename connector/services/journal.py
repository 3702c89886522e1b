"""The journal: the only writer of the history, and the one place where a change is announced.

    a transaction ──► record ──► history
                            └──► outbox: one delivery for each subscriber that wants the change; a notice for each
                                         endpoint that has chosen it; what concerns monitors and
                                         streams of signals, where there are any

Every consequence of a change, such as a write-back, a notice or a signal, is a subscriber. So no change can be made
without its subscribers being notified, for example also when a claim is no longer verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from sqlalchemy import Connection

from connector.domain.history import Change
from connector.services import origin
from connector.store import history, monitor_deliveries, notices, outbox, signal_levels
from connector.store.monitor_deliveries import MonitorPayload
from connector.store.notices import NoticePayload
from connector.store.outbox import Payload
from connector.store.signal_levels import LevelPayload


class Subscriber(Protocol):
    """Selects changes, and returns their deliveries. Both methods run inside the change's transaction."""

    def wants(self, change: Change) -> bool:
        """Whether to deliver anything for this change."""
        ...

    def delivery(self, change: Change) -> Payload:
        """Return the delivery for a change; of equal deliveries from one `record` only one is made."""
        ...


class Journal:
    """Records changes and announces them to its subscribers."""

    def __init__(self, subscribers: Sequence[Subscriber] = ()) -> None:
        self._subscribers = subscribers

    def record(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Record and announce changes as the last step of their transaction: the outbox is last in the lock order."""
        if changes:
            history.append(connection, _attributed(changes))
            deliveries = self._deliveries(changes)
            conditional = (NoticePayload, MonitorPayload, LevelPayload)
            outbox.add_all(connection, [each for each in deliveries if not isinstance(each, conditional)])
            monitor_deliveries.queue(connection, [each for each in deliveries if isinstance(each, MonitorPayload)])
            signal_levels.queue(connection, [each for each in deliveries if isinstance(each, LevelPayload)])
            notices.queue(connection, [each for each in deliveries if isinstance(each, NoticePayload)])

    def _deliveries(self, changes: Sequence[Change]) -> list[Payload]:
        deliveries = {
            subscriber.delivery(change): None
            for subscriber in self._subscribers
            for change in changes
            if subscriber.wants(change)
        }
        return list(deliveries)


def _attributed(changes: Sequence[Change]) -> list[Change]:
    """Return changes with the channel, the address and the trace id under which they are made."""
    made = origin.current()
    return [replace(each, channel=made.channel, address=made.address, trace_id=made.trace_id) for each in changes]
