"""The stored events that Onfido posted, and their filter."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from connector.domain.frozen import frozen

EVENT_STATES = ("parked", "applied", "noted")

NO_TOKEN, NO_SIGNATURE, WRONG_SIGNATURE = "no_token", "no_signature", "wrong_signature"
UNREADABLE, TOO_LARGE = "unreadable", "too_large"
REFUSALS = (NO_TOKEN, NO_SIGNATURE, WRONG_SIGNATURE, UNREADABLE, TOO_LARGE)  # why posts are refused


@frozen
class StoredEvent:
    """An event; `sealed_body` is None if it is not kept, or no longer kept.

    `happened_at` is Onfido's time, None if the event has none. `verification_id` is the verification that the run's tag
    names, which may no longer exist.
    """

    event_id: str
    provider_id: str
    kind: str
    run_id: str | None
    state: str
    received_at: datetime
    happened_at: datetime | None
    verification_id: str | None
    sealed_body: str | None = field(repr=False)


@frozen
class EventFilter:
    """A filter of events; None means any. The period is half open."""

    provider_id: str | None = None
    run_id: str | None = None
    state: str | None = None
    kind: str | None = None
    verification_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None


@frozen
class RefusedPosts:
    """The number of refused posts to a provider's webhook for one cause; `provider_name` is for display."""

    provider_id: str
    provider_name: str
    cause: str
    number: int
    first_at: datetime
    last_at: datetime


def delay(event: StoredEvent) -> float | None:
    """Return the seconds from an event's time at Onfido to its arrival, at least 0, because clocks may differ."""
    if event.happened_at is None:
        return None
    return max(0.0, (event.received_at - event.happened_at).total_seconds())
