"""The statuses of a workflow run, their transitions, and a snapshot of a run.

    starting ──► processing ⇄ awaiting_input ⇄ awaiting_client_input ──► approved │ declined │ review
        │                                                                abandoned │ error
        └──► error (Onfido refused to start it)

`starting` is ours: the verification is reserved, its run is not known yet. All others are Onfido's. A status that is
not in the list is kept as Onfido sent it and counts as open. A final status never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

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

TAG_PREFIX = "idvp-connector:"  # of the tag by which a run is found that was started although no answer came

SOONEST_CHECK = timedelta(minutes=2)
LATEST_CHECK = timedelta(hours=12)

DECIDED_STATUSES = frozenset({APPROVED, DECLINED, REVIEW})  # by then, a document was checked if one ever is
CAPTURED_STATUSES = DECIDED_STATUSES | {PROCESSING, AWAITING_CLIENT_INPUT}  # the user has nothing more to send
FINAL_STATUSES = frozenset({APPROVED, DECLINED, REVIEW, ABANDONED, ERROR})


class Comparison(StrEnum):
    """What Onfido found when it compared one of the applicant's values with the document."""

    CLEAR = "clear"
    CONSIDER = "consider"
    UNIDENTIFIED = "unidentified"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True)
class RunSnapshot:
    """The state of a run in one answer or event of Onfido.

    `comparisons` maps Onfido's comparison keys to what it found; None if the workflow's output holds no
    comparison at all (then its `document_check` task is asked), an empty mapping where that was asked as well.
    `places` says where each was found: its JSON Pointer in the output, after `<task>#` where it is that task's output.
    `lacks_document`: they are those of a proof of address alone, and that task was not asked yet.
    `output` is the workflow's own, of any JSON shape. `document` holds what Onfido read from the document, None if
    no report is in sight. `reports` are the names of its reports that were clear, as far as they are evidence.
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
        """Whether Onfido is done with the run."""
        return is_final(self.status)

    @property
    def proves_capture(self) -> bool:
        """Whether the status shows that the user has gone through capture, where an application says so as well."""
        return self.status in CAPTURED_STATUSES

    @property
    def is_conclusive(self) -> bool:
        """Whether the snapshot can be applied without asking Onfido for the run's tasks first."""
        return self.status not in DECIDED_STATUSES or not (self.comparisons is None or self.lacks_document)


@dataclass(frozen=True)
class ListedRun:
    """A run in Onfido's list: without its output, which only the run itself has."""

    run_id: str
    status: str
    tags: tuple[str, ...] = ()


def next_check(age: timedelta) -> timedelta:
    """How long to wait before asking Onfido for an open run again: the older the run, the longer.

    A lost webhook delays the result by a quarter of the time that the run has taken, and at least two minutes.
    """
    return min(max(age / 4, SOONEST_CHECK), LATEST_CHECK)


def verification_id_of(tags: Iterable[str]) -> str | None:
    """Return the id of the verification that a run was started for, from its tags; None without such a tag."""
    named = (tag.removeprefix(TAG_PREFIX) for tag in tags if tag.startswith(TAG_PREFIX))
    return next((normal_id(each) for each in named if UUID.fullmatch(each)), None)


def is_final(status: str) -> bool:
    """Whether a run with this status has ended."""
    return status in FINAL_STATUSES


def moves(current: str, received: str) -> bool:
    """Whether a run in status `current` takes on `received`: open statuses alternate, a final one stays."""
    return received != current and not is_final(current)
