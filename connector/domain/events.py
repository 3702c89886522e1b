"""The events that Onfido posted, as they are stored, and which of them somebody looks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

EVENT_STATES = ("parked", "applied", "noted")


@dataclass(frozen=True)
class StoredEvent:
    """An event; `sealed_body` is None where it is not kept, or not any more."""

    event_id: str
    provider_id: str
    kind: str
    run_id: str | None
    state: str
    received_at: datetime
    sealed_body: str | None = field(repr=False)


@dataclass(frozen=True)
class EventFilter:
    """Which events to find; what is None does not matter."""

    provider_id: str | None = None
    run_id: str | None = None
    state: str | None = None
    received_after: datetime | None = None
