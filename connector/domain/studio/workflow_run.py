"""The statuses of a workflow run, their transitions, and a snapshot of a run.

    starting ──► processing ⇄ awaiting_input ⇄ awaiting_client_input ──► approved │ declined │ review
        │                                                                abandoned │ error
        └──► error (Onfido refused to start it)

`starting` is the connector's own: the verification exists, its run is not known yet. All others are Onfido's. An
unknown status is stored unchanged and counts as open. A final status never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connector.domain.frozen import frozen
from connector.domain.ids import UUID, normal_id

STARTING = "starting"
PROCESSING = "processing"
AWAITING_INPUT = "awaiting_input"
AWAITING_CLIENT_INPUT = "awaiting_client_input"
APPROVED = "approved"
DECLINED = "declined"
REVIEW = "review"
ABANDONED = "abandoned"
ERROR = "error"

TAG_PREFIX = "idvp-connector:"  # prefix of the tag by which a run is found whose start was not answered

SOONEST_CHECK = timedelta(minutes=2)
LATEST_CHECK = timedelta(hours=12)

DECIDED_STATUSES = frozenset({APPROVED, DECLINED, REVIEW})  # by then, a document was checked if the workflow checks one
CAPTURED_STATUSES = DECIDED_STATUSES | {PROCESSING, AWAITING_CLIENT_INPUT}  # the user has nothing more to send
FINAL_STATUSES = frozenset({APPROVED, DECLINED, REVIEW, ABANDONED, ERROR})


class Comparison(StrEnum):
    """The result of Onfido's comparison of one of the applicant's values with the document."""

    CLEAR = "clear"
    CONSIDER = "consider"
    UNIDENTIFIED = "unidentified"
    NOT_COMPARED = "not_compared"


@frozen
class RunSnapshot:
    """The state of a run in one answer or event of Onfido.

    `comparisons` maps Onfido's comparison keys to the results; None if the workflow's output has no comparison at all
    (then its `document_check` task is read), an empty mapping if the task was read as well. `places` has the place of
    each: its JSON Pointer in the output, after `<task>#` if it is in that task's output. `lacks_document`: the
    comparisons are only those of a proof of address, and the task was not read yet. `output` is the workflow's own, of
    any JSON shape. `document` has the values that Onfido read from the document, None if there is no report. `reports`
    are the names of the clear reports that are evidence.
    """

    run_id: str
    status: str
    comparisons: Mapping[str, Comparison] | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    lacks_document: bool = False
    completed_at: datetime | None = None
    sdk_token: str | None = field(default=None, repr=False)
    output: Any = field(default=None, repr=False)
    reasons: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    document: Mapping[str, str] | None = field(default=None, repr=False)
    reports: tuple[str, ...] = ()
    workflow_version_id: int | None = None
    dashboard_url: str | None = None
    link_url: str | None = field(default=None, repr=False)
    link_expires_at: datetime | None = None

    @property
    def is_final(self) -> bool:
        """Whether the run has ended at Onfido."""
        return is_final(self.status)

    @property
    def proves_capture(self) -> bool:
        """Whether the status, together with an application's request, proves that the user has completed capture."""
        return self.status in CAPTURED_STATUSES

    @property
    def is_conclusive(self) -> bool:
        """Whether the snapshot can be applied without reading the run's tasks first."""
        return self.status not in DECIDED_STATUSES or not (self.comparisons is None or self.lacks_document)


@frozen
class ListedRun:
    """A run in Onfido's list: without its output, which only the run itself has."""

    run_id: str
    status: str
    tags: tuple[str, ...] = ()


def next_check(age: timedelta) -> timedelta:
    """Return the delay before the next check of an open run: the older the run, the longer.

    A lost webhook delays the result by a quarter of the run's age, and at least two minutes.
    """
    return min(max(age / 4, SOONEST_CHECK), LATEST_CHECK)


def verification_id_of(tags: Iterable[str]) -> str | None:
    """Return the verification's id from a run's tags; None if there is no such tag."""
    named = (tag.removeprefix(TAG_PREFIX) for tag in tags if tag.startswith(TAG_PREFIX))
    return next((normal_id(each) for each in named if UUID.fullmatch(each)), None)


def is_final(status: str) -> bool:
    """Whether a run with this status has ended."""
    return status in FINAL_STATUSES


def moves(current: str, received: str) -> bool:
    """Whether a run in status `current` changes to `received`: open statuses alternate, a final one never changes."""
    return received != current and not is_final(current)
