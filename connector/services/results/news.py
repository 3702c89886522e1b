"""What applying a snapshot of a run did, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from connector.domain.history import Change
from connector.domain.verification import Verification
from connector.domain.workflow_run import DECIDED_STATUSES, RunSnapshot


class Outcome(Enum):
    """What `apply` did."""

    APPLIED = auto()
    NOTHING_NEW = auto()
    RUN_UNKNOWN = auto()
    COMPARISON_WANTED = auto()  # a `check_verification` delivery is to be queued


@dataclass(frozen=True)
class News:
    """What `apply` did, and what is to be announced of it."""

    outcome: Outcome
    verification: Verification | None = None
    event_id: str | None = None
    changes: Sequence[Change] = ()
    run: RunSnapshot | None = None

    @property
    def has_to_wait(self) -> bool:
        """Whether the news can be applied only later: its run is not known yet, or Onfido has to be asked first."""
        return self.outcome in {Outcome.RUN_UNKNOWN, Outcome.COMPARISON_WANTED}

    @property
    def is_document_missing(self) -> bool:
        """Whether the document's values are wanted, and Onfido has to be asked for them."""
        verification, run = self.verification, self.run
        if verification is None or run is None or not verification.wants_document:
            return False
        return run.document is None and run.status in DECIDED_STATUSES
