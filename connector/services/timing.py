"""How long a request may take, all of its calls to Onfido together."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """How long things may take, in seconds: all Onfido calls of one request; an unanswered start of a run."""

    interactive_budget: float
    run_settle_time: float

    def deadline(self) -> float:
        """Give the end of a request that begins now, as a value of `time.monotonic()`."""
        return time.monotonic() + self.interactive_budget
