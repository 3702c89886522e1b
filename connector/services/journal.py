"""The journal: the only writer of the history, and the only place that announces changes.

    a transaction ──► record ──► history
                             └──► outbox: one delivery for each subscriber that wants the change; a notice for each
                                  endpoint that has chosen it; the update of a monitor if one is concerned

Every consequence of a change, such as a write-back, a notice or a signal, is a subscriber. So every change notifies its
subscribers, including a claim that is no longer verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from connector.domain.audit.history import Change
from connector.domain.frozen import replace
from connector.services import origin
from connector.services.use_case import use_case
from connector.store import history
from connector.store.deliveries import outbox, queueing
from connector.store.deliveries.outbox import Payload
from connector.store.deliveries.queueing import ConditionalPayload

P_co = TypeVar("P_co", bound=Payload, covariant=True)


class Subscriber(Protocol[P_co]):
    """Selects changes, and returns their deliveries. Both methods run inside the change's transaction."""

    def wants(self, change: Change) -> bool:
        """Whether to queue a delivery for this change."""
        ...

    def delivery(self, change: Change) -> P_co:
        """Return the delivery for a change; equal deliveries of one `record` are queued once."""
        ...


@use_case
class Journal:
    """Records changes and announces them to its subscribers; the deliveries of `conditional` ones have conditions."""

    _subscribers: Sequence[Subscriber[Payload]] = ()
    _conditional: Sequence[Subscriber[ConditionalPayload]] = ()

    def record(self, connection: Connection, changes: Sequence[Change], *, has_audience: bool = True) -> None:
        """Record and announce changes as the last step of their transaction: the outbox is last in the lock order.

        `has_audience` is False if no condition of a delivery can hold before the commit: see
        `store/deliveries/audience.py`.
        """
        if changes:
            made = _attributed(changes)
            history.append(connection, made)
            outbox.add_all(connection, _deliveries(self._subscribers, made))
            if has_audience:
                conditional = _deliveries(self._conditional, made)
                queueing.add_all(connection, [each.candidate() for each in conditional])


def _deliveries(subscribers: Sequence[Subscriber[P_co]], changes: Sequence[Change]) -> list[P_co]:
    deliveries = {
        subscriber.delivery(change): None
        for subscriber in subscribers
        for change in changes
        if subscriber.wants(change)
    }
    return list(deliveries)


def _attributed(changes: Sequence[Change]) -> list[Change]:
    """Return changes with their channel, address and trace id, and with one time.

    Changes that are made together have the time of the last one: a second that passes between two of them would give
    a delivery with a time to each.
    """
    made = origin.current()
    at = max(each.at for each in changes)
    return [
        replace(each, at=at, channel=made.channel, address=made.address, trace_id=made.trace_id) for each in changes
    ]
