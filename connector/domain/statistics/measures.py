"""The counted quantities, by measure and bucket, and the numbers of a period."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from connector.domain.frozen import frozen

# After a measure, in a key, and between a claim and its result, in a bucket: no measure and no result has one.
SEPARATOR = "|"


class Measure(StrEnum):
    """A counted quantity."""

    STARTED = "started"
    RUN = "run"
    CAPTURED = "captured"
    RESULT = "result"
    APPROVED = "approved"
    VERIFIED = "verified"
    ALL_VERIFIED = "all_verified"
    ENDED = "ended"
    SECONDS = "seconds"
    ATTRIBUTE = "attribute"
    ATTRIBUTE_APPROVED = "attribute_approved"
    ATTRIBUTE_VERIFIED = "attribute_verified"
    REFUSED = "refused"
    DEAD = "given_up"  # the value in stored rows


OF_VERIFICATIONS = tuple(each for each in Measure if each not in (Measure.REFUSED, Measure.DEAD))


@frozen
class Count:
    """The number of occurrences: of a tenant's provider, in an environment; empty if these are not known.

    `hour` is the hour of the day in which they were counted, from 0 to 23.
    """

    tenant: str
    provider_id: str
    environment: str
    measure: str
    bucket: str
    n: int
    hour: int = 0


@dataclass
class Numbers:
    """The numbers of a period, by key: measure and bucket. `lines` have those of each day, if requested."""

    totals: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, numbers: Iterable[tuple[str, int]]) -> None:
        """Add to the totals."""
        totals = self.totals
        for key, n in numbers:
            totals[key] = totals.get(key, 0) + n

    def by_measure(self) -> dict[str, Counter[str]]:
        """Return the totals by measure, then by bucket."""
        measures: dict[str, Counter[str]] = defaultdict(Counter)
        for key, n in self.totals.items():
            measure, _, bucket = key.partition(SEPARATOR)
            measures[measure][bucket] = n
        return measures

    def lines_of(self, measure: Measure) -> dict[str, list[int]]:
        """Return the lines of a measure, by bucket."""
        beginning = key_of(measure, "")
        return {key.removeprefix(beginning): line for key, line in self.lines.items() if key.startswith(beginning)}

    def line_of(self, measure: Measure, length: int) -> list[int]:
        """Return the sum of a measure's lines."""
        return list(map(sum, zip(*self.lines_of(measure).values(), strict=True))) or [0] * length


def key_of(measure: str, bucket: str) -> str:
    """Return the key of a count, within a provider and environment."""
    return f"{measure}{SEPARATOR}{bucket}"


def measure_of(key: str) -> str:
    """Return the measure of a key."""
    return key.partition(SEPARATOR)[0]
