"""Deliveries of the outbox, as those see them who look after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

READY, DONE, DEAD = "ready", "done", "dead"
STATES = (READY, DONE, DEAD)


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries of a tenant to find; None means any. The period, of their creation, is half open."""

    states: Sequence[str] = STATES
    verification_id: str | None = None
    endpoint_id: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    verification_ids: Sequence[str] | None = None
