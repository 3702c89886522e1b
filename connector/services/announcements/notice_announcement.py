"""Announcing changes to the applications that have chosen them: the notice for each change of the journal.

a run ends, or is decided on         ──► verification.finished; in review, or link expired: also attention.needed
a provider's check starts to fail    ──► attention.needed
a claim changes, in either direction ──► claims.changed, one for all of a user's claims that change together
a user or a provider is removed      ──► claims.changed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from connector.domain.audit.history import CHECKED, CLAIM, PROVIDER, REMOVED, RUN, USER, Change
from connector.domain.frozen import frozen
from connector.domain.notices import ATTENTION, CLAIMS_CHANGED, FINISHED, LINK_EXPIRED, PROVIDER_FAILS, REVIEW
from connector.domain.providers.health import BAD
from connector.domain.studio.capture import LINK
from connector.domain.studio.workflow_run import ABANDONED, is_final
from connector.domain.studio.workflow_run import REVIEW as IN_REVIEW
from connector.domain.utc import timestamp
from connector.services.use_case import use_case
from connector.store.deliveries.notices import NoticePayload


@frozen
class NotifyOfChange(NoticePayload):
    """Notify an application of a change; `reason` is that of `attention.needed`."""

    kind: ClassVar[str] = "tell_change"
    event: str
    user_id: str | None
    reason: str | None = None

    @property
    def events(self) -> tuple[str, ...]:
        """The event that an endpoint must have chosen."""
        return (self.event,)


@use_case
class NoticeAnnouncement:
    """A subscriber of the journal for one event; `concerns` selects its changes, `reason` returns their reason."""

    _event: str
    _concerns: Callable[[Change], bool]
    _reason: str | None = None

    def wants(self, change: Change) -> bool:
        """Whether the change leads to the notice."""
        return self._concerns(change)

    def delivery(self, change: Change) -> NotifyOfChange:
        """Return the notice."""
        return NotifyOfChange(
            tenant=change.tenant,
            provider_id=change.provider_id,
            verification_id=change.verification_id,
            notice_id="",
            at=timestamp(change.at),
            endpoint_id="",
            event=self._event,
            user_id=change.name if change.subject == USER else change.user_id,
            reason=self._reason,
        )


def announcements() -> Sequence[NoticeAnnouncement]:
    """Return the subscribers for all events of the journal."""
    return (
        NoticeAnnouncement(FINISHED, _has_ended),
        NoticeAnnouncement(CLAIMS_CHANGED, _changes_claims),
        NoticeAnnouncement(ATTENTION, lambda change: _has_ended(change) and change.current == IN_REVIEW, REVIEW),
        NoticeAnnouncement(ATTENTION, _has_expired, LINK_EXPIRED),
        NoticeAnnouncement(ATTENTION, _has_turned_bad, PROVIDER_FAILS),
    )


def _has_turned_bad(change: Change) -> bool:
    return change.subject == PROVIDER and change.cause == CHECKED and change.current == BAD


def _has_ended(change: Change) -> bool:
    return change.subject == RUN and is_final(change.current)


def _has_expired(change: Change) -> bool:
    """Whether a run ended because the user did not use its capture link in time."""
    return _has_ended(change) and change.current == ABANDONED and change.capture == LINK


def _changes_claims(change: Change) -> bool:
    return change.subject == CLAIM or (change.subject in (USER, PROVIDER) and change.current == REMOVED)
