"""Waiting for conditions, with generous limits for busy machines."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import requests

GENEROUS = 120.0  # seconds; a test that passes does not use them up
LONGEST_PAUSE = 0.2  # seconds


def wait_until(condition: Callable[[], object], seconds: float = GENEROUS) -> None:
    """Return as soon as the condition is true; it is looked at less often the longer it takes."""
    end, pause = time.monotonic() + seconds, 0.005
    while not condition():
        assert time.monotonic() < end, "the condition was not met in time"
        time.sleep(pause)
        pause = min(1.25 * pause, LONGEST_PAUSE)


def wait_for_answer(url: str, process: subprocess.Popen[Any], *, is_any_status: bool = False) -> None:
    """Return as soon as a server answers at a URL with success, or at all; fails if its process ends."""

    def answers() -> bool:
        assert process.poll() is None, "the process has ended"
        try:
            return requests.get(url, timeout=GENEROUS).ok or is_any_status
        except requests.ConnectionError:
            return False

    wait_until(answers)
