"""The outcome of applying a snapshot of a run, and its consequences."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from connector.domain.audit.history import Change
from connector.domain.frozen import frozen
from connector.domain.studio.workflow_run import DECIDED_STATUSES, RunSnapshot
from connector.domain.verifications.verification import Verification


class Outcome(Enum):
    """The outcome of `apply`."""

    APPLIED = auto()
    NOTHING_NEW = auto()
    RUN_UNKNOWN = auto()
    COMPARISON_WANTED = auto()  # a `check_verification` delivery is to be queued


@frozen
class Applied:
    """The outcome of `apply`, and the changes to announce, to an audience if there is one."""

    outcome: Outcome
    verification: Verification | None = None
    event_id: str | None = None
    changes: Sequence[Change] = ()
    run: RunSnapshot | None = None
    has_audience: bool = True

    @property
    def has_to_wait(self) -> bool:
        """Whether the snapshot has to wait: for its run to be known, or for data that must be read from Onfido."""
        return self.outcome in {Outcome.RUN_UNKNOWN, Outcome.COMPARISON_WANTED}

    @property
    def is_document_missing(self) -> bool:
        """Whether the document's values are required, and must be read from Onfido."""
        verification, run = self.verification, self.run
        if verification is None or run is None or not verification.wants_document:
            return False
        return run.document is None and run.status in DECIDED_STATUSES
