"""How long calls to Onfido may take: all of one use together."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """By when all calls to Onfido of one use have to be answered, as a value of `time.monotonic()`.

    `is_background`: nobody waits for them, so they give way to those that somebody waits for.
    """

    at: float
    is_background: bool = False


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds: all Onfido calls of one request; an unanswered start of a run."""

    interactive_budget: float
    run_settle_time: float

    def interactive(self, at_most: float = math.inf) -> Deadline:
        """Return the deadline of a request that begins now, for which somebody waits."""
        return Deadline(time.monotonic() + min(at_most, self.interactive_budget))


def background(seconds: float) -> Deadline:
    """Return the deadline of work that begins now, for which nobody waits."""
    return Deadline(time.monotonic() + seconds, is_background=True)
