"""How a receiver answered a delivery: kept with it, for those who look after deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_KEPT = 200  # characters of an answer's body


@dataclass(frozen=True)
class Answered:
    """An exchange: its status, None if no answer came, how long it took, and the start of the answer's body."""

    status: int | None
    seconds: float
    start: str = field(default="", repr=False)


def start_of(body: bytes) -> str:
    """Return the start of a body as text that can be stored."""
    return body[: 4 * MOST_KEPT].decode(errors="replace").replace("\0", "\ufffd")[:MOST_KEPT]
