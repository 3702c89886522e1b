"""A receiver's answer to a delivery, stored with it for administrators."""

from __future__ import annotations

from dataclasses import field

from connector.domain.frozen import frozen

MOST_KEPT = 200  # characters of an answer's body


@frozen
class Answered:
    """An exchange: the status (None without an answer), its duration, and the start of the answer's body."""

    status: int | None
    seconds: float
    start: str = field(default="", repr=False)


def start_of(body: bytes) -> str:
    """Return the start of a body as text for storage."""
    return body[: 4 * MOST_KEPT].decode(errors="replace").replace("\0", "\ufffd")[:MOST_KEPT]
