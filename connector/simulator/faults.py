"""Simulated faults: every switch once, with its default, its rule and its description.

A counting switch is 0 (off), n (the next n times) or -1 (every time). `route` restricts the switches for API calls,
`event` those for webhooks. Faults of both kinds combine: a run can be early and its answer dropped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow.fields import Field

from connector.simulator.validation import ClosedInput, Json, check, choice, integer, text

ALWAYS = -1
ANY = "*"

API_SWITCHES = frozenset({"latency_ms", "unauthorized", "throttled", "failed", "failed_after", "dropped_after"})


class Shape(StrEnum):
    """Where and how a workflow's output contains the comparison."""

    REPORT = "report"
    FLAT = "flat"
    DOCUMENT_REPORT = "document_report"
    ALL_REPORTS = "all_reports"
    NONE = "none"


class Event(StrEnum):
    """The webhook events that the simulator sends."""

    RUN_COMPLETED = "workflow_run.completed"
    TASK_STARTED = "workflow_task.started"
    TASK_COMPLETED = "workflow_task.completed"
    TIMELINE_FILE_CREATED = "workflow_timeline_file.created"
    MATCHES_UPDATED = "watchlist_monitor.matches_updated"


def _switch(default: Any, rule: Field[Any], sentence: str) -> Any:
    return dataclasses.field(default=default, metadata={"rule": rule, "about": sentence})


_COUNT = integer(ALWAYS, 1_000_000)
_MILLISECONDS = integer(0, 60_000)


@dataclass(frozen=True)
class Faults:
    """The switches; raises `ValueError` for an invalid value."""

    route: str = _switch(
        ANY,
        text(1, 100),
        "The API calls that the next six concern, such as POST /workflow_runs; * for all.",
    )
    latency_ms: int = _switch(0, _MILLISECONDS, "Each call is delayed by this time, or until this is switched off.")
    unauthorized: int = _switch(0, _COUNT, "The call is answered 401, as if its token were unknown, and does nothing.")
    throttled: int = _switch(0, _COUNT, "The call is answered 429 and does nothing.")
    failed: int = _switch(0, _COUNT, "The call is answered with failed_status and does nothing.")
    failed_after: int = _switch(0, _COUNT, "The call does its work, then is answered with failed_status.")
    dropped_after: int = _switch(0, _COUNT, "The call does its work, then the connection closes without an answer.")
    failed_status: int = _switch(
        503, integer(400, 599), "The status of a failed call; one below 500 comes as a page, as a proxy answers."
    )
    retry_after: int = _switch(1, integer(0, 3600), "The Retry-After of a throttled call, in seconds.")

    lists_untagged: int = _switch(
        0, _COUNT, "A list of runs shows no tags, and filtering by tags has no effect; as in some versions of the API."
    )
    access_token_seconds: int = _switch(3600, integer(0, 86_400), "The lifetime of a granted access token, in seconds.")

    runs_without_sdk_token: int = _switch(0, _COUNT, "A new run has no SDK token.")
    runs_instant: int = _switch(0, _COUNT, "A new run has ended already in the answer that creates it.")
    runs_early: int = _switch(
        0,
        _COUNT,
        "A new run ends, and its webhooks are answered, before the answer that creates it, which knows nothing.",
    )
    output_shape: Shape = _switch(  # noqa: RUF009  it makes a dataclass field
        Shape.REPORT, choice(*Shape), "Where and how the output of a run contains the comparison."
    )

    files_inline: int = _switch(0, _COUNT, "A file is returned directly, instead of a redirect to its location.")
    files_pending: int = _switch(0, _COUNT, "A file is not available yet: 404.")
    files_bytes: int = _switch(0, integer(0, 1_000_000_000), "The least number of bytes of a file.")

    event: str = _switch(
        ANY, choice(ANY, *Event), "The webhooks that the next three concern, such as workflow_run.completed; * for all."
    )
    webhooks_lost: int = _switch(0, _COUNT, "The webhook is never sent.")
    webhooks_doubled: int = _switch(0, _COUNT, "The webhook is sent twice.")
    webhook_delay_ms: int = _switch(0, _MILLISECONDS, "The webhook is delayed by this time.")
    events_reordered: int = _switch(0, _COUNT, "The webhooks of one step of a run are sent last first.")

    def __post_init__(self) -> None:
        if problems := Switches().validate(dataclasses.asdict(self)):
            raise ValueError(f"unknown faults: {problems}")

    def changed(self, values: Mapping[str, Any]) -> Faults:
        """Return these switches with `values` applied; raises `ApiError` naming what is refused."""
        return dataclasses.replace(self, **check(values, Switches()))

    def concerns(self, switch: str, subject: str) -> bool:
        """Whether `switch` is on for this route, or this event."""
        scope = self.route if switch in API_SWITCHES else self.event if switch.startswith("webhook") else ANY
        return bool(getattr(self, switch)) and scope in (ANY, subject)

    def used(self, switch: str) -> Faults:
        """Return these switches after a counting one has been used once more."""
        left = getattr(self, switch)
        return self if left == ALWAYS else dataclasses.replace(self, **{switch: left - 1})

    def as_json(self) -> Json:
        """The switches by name."""
        return dataclasses.asdict(self)


Switches = ClosedInput.from_dict(
    {field.name: field.metadata["rule"] for field in dataclasses.fields(Faults)}, name="Switches"
)
HEALTHY = Faults()


def sentences() -> dict[str, str]:
    """The description of each switch."""
    return {field.name: field.metadata["about"] for field in dataclasses.fields(Faults)}
