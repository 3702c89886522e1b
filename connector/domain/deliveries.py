"""Deliveries of the outbox, as those see them who look after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

READY, DONE, DEAD = "ready", "done", "dead"
STATES = (READY, DONE, DEAD)


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries of a tenant to find; None means any."""

    states: Sequence[str] = STATES
    verification_id: str | None = None
    endpoint_id: str | None = None
