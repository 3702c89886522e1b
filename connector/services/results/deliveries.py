"""The deliveries that a run's status or an event may queue."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from connector.domain.frozen import frozen
from connector.domain.notices import ATTENTION
from connector.domain.verifications.verification import Verification
from connector.services.outbox import ProviderPayload
from connector.store.deliveries.notices import NoticePayload

V = TypeVar("V", bound="VerificationPayload")


@frozen
class VerificationPayload(ProviderPayload):
    """The base of a payload that concerns one verification."""

    verification_id: str

    @classmethod
    def of(cls: type[V], verification: Verification, *further: str) -> V:
        """Return the payload for a verification."""
        return cls(verification.tenant, verification.provider_id, verification.verification_id, *further)


@frozen
class CheckVerification(VerificationPayload):
    """Ask Onfido for an open verification's run and apply the answer; without a run, continue or close its start."""

    kind: ClassVar[str] = "check_verification"


@frozen
class KeepDocument(VerificationPayload):
    """Read the document's values from Onfido, if the provider requires them and the event did not contain them."""

    kind: ClassVar[str] = "keep_document"


@frozen
class NotifyOfTask(NoticePayload):
    """Notify an application of a task that has started: for its data, or for a decision in Onfido's dashboard."""

    kind: ClassVar[str] = "tell_task"
    task_id: str
    event: str

    @property
    def events(self) -> tuple[str, ...]:
        """The task's specific event, or the general one."""
        return (self.event, ATTENTION)


@frozen
class UpdateMatches(ProviderPayload):
    """Read the monitor's user from Onfido, and apply the new matches."""

    kind: ClassVar[str] = "update_matches"
    monitor_id: str
    event_id: str
