"""Deadlines of all Onfido calls of one use case together."""

from __future__ import annotations

import time

from connector.domain.frozen import frozen


@frozen
class Deadline:
    """The time by which all Onfido calls of one use case must be answered, as a value of `time.monotonic()`.

    `is_background`: no user waits for them, so interactive calls take precedence.
    """

    at: float
    is_background: bool = False

    def remaining(self) -> float:
        """Return the remaining seconds."""
        return max(0.0, self.at - time.monotonic())


@frozen
class Timing:
    """Time limits in seconds: for all Onfido calls of one request, and for an unanswered start of a run."""

    interactive_budget: float
    run_settle_time: float

    def interactive(self, share: float = 1.0) -> Deadline:
        """Return the deadline of an interactive request that starts now, or of calls that get a share of its budget."""
        return Deadline(time.monotonic() + share * self.interactive_budget)


def background(seconds: float) -> Deadline:
    """Return the deadline of background work that starts now."""
    return Deadline(time.monotonic() + seconds, is_background=True)
