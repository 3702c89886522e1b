"""Resident memory of each process with its children, and whether it grows over time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from tests.soak.background import Background
from tests.soak.site import Process

EVERY = 2.0  # seconds
SETTLING = 0.25  # of the time: caches, pools and prepared statements are filled
FEWEST = 6  # samples that are needed for a verdict
MOST_GROWTH = 0.05  # of what it was, and beyond that
MOST_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Sample:
    """The memory of a process at a time."""

    at: float
    size: int


class Memory(Background):
    """Samples the processes until stopped."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._samples: dict[str, list[Sample]] = {each.name: [] for each in processes}
        super().__init__("memory")

    def report(self) -> dict[str, Any]:
        """Return for each process the first and last size, the growth per hour, and whether it is flat."""
        return {name: judged(samples) for name, samples in self._samples.items()}

    def run(self) -> None:
        while not self.stopping.wait(EVERY):
            for each in self._processes:
                if each.running:
                    self._samples[each.name].append(Sample(time.monotonic(), resident(each.running.pid)))


def judged(samples: Sequence[Sample]) -> dict[str, Any]:
    """Compare the first quarter after start-up with the last one."""
    settled = samples[int(len(samples) * SETTLING) :]
    quarter = max(1, len(settled) // 3)
    if len(settled) < FEWEST:
        return {"samples": len(samples), "is_flat": None}
    first, last = (median(each.size for each in part) for part in (settled[:quarter], settled[-quarter:]))
    slope = linear_regression([each.at for each in settled], [each.size for each in settled]).slope
    return {
        "samples": len(samples),
        "first_mib": round(first / 2**20, 1),
        "last_mib": round(last / 2**20, 1),
        "slope_mib_an_hour": round(slope * 3600 / 2**20, 2),
        "is_flat": last - first <= max(MOST_GROWTH * first, MOST_BYTES),
    }


def resident(pid: int) -> int:
    """Return the resident bytes of a process and of all its descendants."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
        children = [
            child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[1]) * 4096 + sum(resident(int(child)) for child in children)
