"""Announcing that a user's level of assurance may have changed, to the tenant's streams of signals.

journal ──► a claim, a verification, a user's removal                        ──► tell_level    of this user
        └─► a provider's removal                                             ──► tell_levels   of all who were verified

A delivery is queued only if the tenant has a stream (`store/signals/signal_levels.py`).
"""

from __future__ import annotations

from typing import ClassVar

from connector.domain.audit.history import CLAIM, PROVIDER, REMOVED, RUN, USER, Change
from connector.domain.claims import VERIFIED
from connector.domain.frozen import frozen
from connector.domain.openid.flow import is_guest
from connector.store.signals.signal_levels import LevelPayload


@frozen
class AnnounceLevel(LevelPayload):
    """Notify the streams if a user's level has changed; `was_verified`: a claim was verified until this change."""

    kind: ClassVar[str] = "tell_level"
    user_id: str
    was_verified: bool = False
    is_removal: bool = False


@frozen
class AnnounceLevels(LevelPayload):
    """Check the levels of all users at the verified level, after `position`."""

    kind: ClassVar[str] = "tell_levels"
    position: str = ""


@frozen
class NoteLevels:
    """Record, and check, the levels of users who were verified with a removed provider, after `position`.

    It is queued if the provider is removed before all levels of the tenant's users are recorded.
    """

    kind: ClassVar[str] = "note_levels"
    tenant: str
    provider_id: str
    position: str = ""


class SignalAnnouncement:
    """A subscriber of the journal."""

    def wants(self, change: Change) -> bool:
        """Whether the change may change a level; guests are unknown to other systems."""
        user_id = _user_of(change)
        return _is_removal(change, PROVIDER) or (user_id is not None and not is_guest(user_id))

    def delivery(self, change: Change) -> LevelPayload:
        """Return the delivery for a user, or for all users of a provider."""
        user_id = _user_of(change)
        if user_id is None:
            return AnnounceLevels(change.tenant)
        return AnnounceLevel(change.tenant, user_id, change.previous == VERIFIED, _is_removal(change, USER))


def _user_of(change: Change) -> str | None:
    """Return the user whose level may have changed."""
    if change.subject in (CLAIM, RUN):  # a first result that verifies nothing lowers the level, too
        return change.user_id
    return change.name if _is_removal(change, USER) else None


def _is_removal(change: Change, subject: str) -> bool:
    return change.subject == subject and change.current == REMOVED
