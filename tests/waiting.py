"""Waiting for conditions, with generous limits for busy machines."""

from __future__ import annotations

import time
from collections.abc import Callable

GENEROUS = 120.0  # seconds; a test that passes does not use them up


def wait_until(condition: Callable[[], object], seconds: float = GENEROUS) -> None:
    """Return as soon as the condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(0.01)
