"""Announcing to a user's directory that the user's status may have changed.

journal ──► a claim, a verification, a user's removal ──► write_status     of this user
        └─► a provider's removal, or another name      ──► write_statuses   of all users whose status was written
"""

from __future__ import annotations

from typing import ClassVar

from connector.domain.audit.history import CHANGED, CLAIM, PROVIDER, REMOVED, RUN, USER, Change
from connector.domain.frozen import frozen
from connector.domain.openid.flow import is_guest
from connector.domain.tenancy import Tenants
from connector.services.use_case import use_case
from connector.store.deliveries.outbox import Payload


@frozen
class WriteStatus:
    """Write a user's status at the time of delivery."""

    kind: ClassVar[str] = "write_status"
    tenant: str
    user_id: str


@frozen
class WriteStatuses:
    """Write the status of each user whose status was written before, from `position` on."""

    kind: ClassVar[str] = "write_statuses"
    tenant: str
    position: str = ""


@use_case
class StatusAnnouncement:
    """A subscriber of the journal, for the tenants whose directory has `writes_status`."""

    _tenants: Tenants

    def wants(self, change: Change) -> bool:
        """Whether the change may change the written status."""
        return self._tenants.directory_of(change.tenant).writes_status and (
            _user_of(change) is not None or _is_of_all(change)
        )

    def delivery(self, change: Change) -> Payload:
        """Return the delivery for the user, or for all users of a provider."""
        user_id = _user_of(change)
        return WriteStatuses(change.tenant) if user_id is None else WriteStatus(change.tenant, user_id)


def _is_of_all(change: Change) -> bool:
    """Whether a provider was removed, with its verifications, or renamed."""
    if change.subject != PROVIDER:
        return False
    is_renamed = change.current == CHANGED and "name" in change.detail.get("properties", ())
    return change.current == REMOVED or is_renamed


def _user_of(change: Change) -> str | None:
    """Return the user whose status may have changed; a guest is in no directory."""
    is_removal = change.subject == USER and change.current == REMOVED
    user_id = change.user_id if change.subject in (CLAIM, RUN) else change.name if is_removal else None
    return None if user_id is None or is_guest(user_id) else user_id
