"""Jobs: long work on request, which the worker does in steps.

queued ──► running ──► done ──► expired     its result is no longer kept
  │          ├──────► failed
  └──────────┴──────► cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from connector.domain.frozen import frozen
from connector.errors import ConnectorError

QUEUED, RUNNING, DONE, FAILED, EXPIRED, CANCELLED = "queued", "running", "done", "failed", "expired", "cancelled"
STATES = (QUEUED, RUNNING, DONE, FAILED, EXPIRED, CANCELLED)
OPEN_STATES = (QUEUED, RUNNING)

VERIFICATIONS_CSV, USER_RECORD = "verifications_csv", "user_record"
RESEND_DELIVERIES, FETCH_RUNS = "resend_deliveries", "fetch_runs"
KINDS = (VERIFICATIONS_CSV, USER_RECORD, RESEND_DELIVERIES, FETCH_RUNS)

RUNNING_AT_ONCE = 2  # jobs of one tenant; further ones wait, so that the worker has time for other tenants
OPEN_AT_MOST = 20  # jobs of one tenant that have not ended
LARGEST_RESULT = 1024**3  # characters of one result before compression
RESULT_KEPT = timedelta(hours=24)
RECORD_KEPT = timedelta(hours=1)  # it contains the user's values

DEAD, EVERYTHING = "dead", "everything"  # the deliveries that are repeated

MOST_TRIES = 10  # attempts of a step, before the job fails


class JobFailed(ConnectorError):  # noqa: N818  it is an outcome of the job
    """The job cannot be done; a retry would not help."""


@frozen
class Format:
    """A format in which a job's result can be downloaded."""

    name: str
    media_type: str
    file_name: str


CSV = Format("csv", "text/csv", "verifications.csv")
JSON = Format("json", "application/json", "user-record.json")
HTML = Format("html", "text/html", "user-record.html")
FORMATS: Mapping[str, tuple[Format, ...]] = {VERIFICATIONS_CSV: (CSV,), USER_RECORD: (JSON, HTML)}


@frozen
class JobRequest:
    """The request of a job: its kind, its parameters, and the user or provider concerned."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    user_id: str | None = None
    provider_id: str | None = None


@frozen
class Job:
    """A job; `step` counts the completed steps, `position` is where the next one starts.

    `done` of `total` items are processed; `total` is None if it is unknown. `expires_at` is when its result is deleted.
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
        """The formats of its result; empty for a job without a result."""
        return FORMATS.get(self.kind, ())

    def state_at(self, now: datetime) -> str:
        """Return the state at a time: a result expires by the clock, even if it was not deleted yet."""
        is_over = self.state == DONE and self.expires_at is not None and self.expires_at <= now
        return EXPIRED if is_over else self.state


@frozen
class Step:
    """The outcome of one step: `position` is where the next one starts, None after the last.

    `pieces` are appended to the result, by format; `done` is the number of further processed items. The next step
    starts after `pause` seconds.
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
    """Return how long a job's result is kept; None for a job without a result."""
    if kind == USER_RECORD:
        return RECORD_KEPT
    return RESULT_KEPT if kind in FORMATS else None
