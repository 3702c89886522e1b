"""Jobs: long work that people ask for, which the worker does in steps.

queued ──► running ──► done ──► expired     its result is no longer kept
   │          ├──────► failed
   └──────────┴──────► cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.errors import ConnectorError

QUEUED, RUNNING, DONE, FAILED, EXPIRED, CANCELLED = "queued", "running", "done", "failed", "expired", "cancelled"
STATES = (QUEUED, RUNNING, DONE, FAILED, EXPIRED, CANCELLED)
OPEN_STATES = (QUEUED, RUNNING)

VERIFICATIONS_CSV, USER_RECORD = "verifications_csv", "user_record"
RESEND_DELIVERIES, FETCH_RUNS = "resend_deliveries", "fetch_runs"
KINDS = (VERIFICATIONS_CSV, USER_RECORD, RESEND_DELIVERIES, FETCH_RUNS)

RUNNING_AT_ONCE = 2  # jobs of one tenant: the others wait, so that the worker has time for other tenants
OPEN_AT_MOST = 20  # jobs of one tenant that have not ended
LARGEST_RESULT = 1024**3  # characters of one result, before it is compressed
RESULT_KEPT = timedelta(hours=24)
RECORD_KEPT = timedelta(hours=1)  # it holds the user's values

GIVEN_UP, EVERYTHING = "given_up", "everything"  # the deliveries that are made again

MOST_TRIES = 10  # that a step may be begun, before the job fails


class JobFailed(ConnectorError):  # noqa: N818  it is an outcome of the job
    """The job cannot be done, however often it is tried."""


@dataclass(frozen=True)
class Format:
    """A form in which a job's result can be downloaded."""

    name: str
    media_type: str
    file_name: str


CSV = Format("csv", "text/csv", "verifications.csv")
JSON = Format("json", "application/json", "user-record.json")
HTML = Format("html", "text/html", "user-record.html")
FORMATS: Mapping[str, tuple[Format, ...]] = {VERIFICATIONS_CSV: (CSV,), USER_RECORD: (JSON, HTML)}


@dataclass(frozen=True)
class JobRequest:
    """What is asked for: the kind of job, what it is to be done with, and whom or what it concerns."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    user_id: str | None = None
    provider_id: str | None = None


@dataclass(frozen=True)
class Job:
    """A job; `step` counts the steps that were done, `position` is where the next one begins.

    `done` of `total` things are dealt with; `total` is None if it is not known. `expires_at` is when its result is
    deleted.
    """

    job_id: str
    tenant: str
    kind: str
    state: str
    owner: str
    parameters: Mapping[str, Any]
    user_id: str | None
    provider_id: str | None
    step: int
    tries: int
    position: Any
    done: int
    total: int | None
    summary: Mapping[str, int]
    size: int
    failure: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether the job has not ended."""
        return self.state in OPEN_STATES

    @property
    def formats(self) -> tuple[Format, ...]:
        """The forms that its result has; empty for a job without a result."""
        return FORMATS.get(self.kind, ())

    def state_at(self, now: datetime) -> str:
        """Return the state at a time: a result expires by the clock, whether or not it was deleted yet."""
        is_over = self.state == DONE and self.expires_at is not None and self.expires_at <= now
        return EXPIRED if is_over else self.state


@dataclass(frozen=True)
class Step:
    """What one step has done: `position` is where the next one begins, None after the last.

    `pieces` are appended to the result, by format; `done` is how many more things are dealt with. The next step begins
    after `pause` seconds.
    """

    position: Any
    done: int = 0
    pieces: Mapping[str, str] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    pause: float = 0.0

    @property
    def size(self) -> int:
        """The number of characters that it adds to the result."""
        return sum(map(len, self.pieces.values()))


def result_lifetime(kind: str) -> timedelta | None:
    """Return how long a job's result is kept; None for a job without one."""
    if kind == USER_RECORD:
        return RECORD_KEPT
    return RESULT_KEPT if kind in FORMATS else None
