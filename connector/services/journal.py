"""The journal: the only writer of the history, and the one place where a change is announced.

    a transaction ──► record ──► history
                            └──► outbox: one delivery for each subscriber that wants the change

Whatever follows from a change, such as a write-back, a notice or a signal, is a subscriber. So nothing can be changed
without whoever builds on it hearing of it: of a claim that is verified no longer just as of one that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from connector.domain.history import Change
from connector.store import history, outbox
from connector.store.outbox import Payload


class Subscriber(Protocol):
    """Decides which changes it wants, and what the outbox then delivers. Both run inside the change's transaction."""

    def wants(self, change: Change) -> bool:
        """Whether to deliver anything for this change."""
        ...

    def delivery(self, change: Change) -> Payload:
        """Return what to deliver; of equal ones from one `record` only one is delivered."""
        ...


class Journal:
    """Writes changes down and announces them to its subscribers."""

    def __init__(self, subscribers: Sequence[Subscriber] = ()) -> None:
        self._subscribers = subscribers

    def record(self, connection: Connection, changes: Sequence[Change]) -> None:
        """Write and announce changes in the transaction that makes them, as its last step: the outbox comes last."""
        if changes:
            history.append(connection, changes)
            outbox.add_all(connection, self._deliveries(changes))

    def _deliveries(self, changes: Sequence[Change]) -> list[Payload]:
        wanted = {
            subscriber.delivery(change): None
            for subscriber in self._subscribers
            for change in changes
            if subscriber.wants(change)
        }
        return list(wanted)
