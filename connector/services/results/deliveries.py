"""What news of a run may leave to be done later, as deliveries of the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class CheckVerification:
    """Ask Onfido for an open verification's run and apply the answer; without a run, settle its attempt."""

    kind: ClassVar[str] = "check_verification"
    verification_id: str


@dataclass(frozen=True)
class KeepDocument:
    """Ask Onfido what the document says, where it is wanted and the event did not tell."""

    kind: ClassVar[str] = "keep_document"
    verification_id: str


@dataclass(frozen=True)
class TellTask:
    """Notify the application of a task that has started."""

    kind: ClassVar[str] = "tell_task"
    verification_id: str
    task_id: str
    notice_id: str
    at: str


@dataclass(frozen=True)
class UpdateMatches:
    """Ask Onfido whom a watchlist monitor watches, and act on its new matches."""

    kind: ClassVar[str] = "update_matches"
    tenant: str
    provider_id: str
    monitor_id: str
    event_id: str
