"""Announcing that a user's watchlist monitor may have to be created or ended.

    journal ──► a claim, the end of a run     ──► update_monitor               of this user with this provider
            ├─► a user's removal              ──► update_monitors_of_user      one update_monitor for each provider
            └─► a provider's setting, removal ──► update_monitors_of_provider  one update_monitor for each user, paged

A delivery is queued only if a provider has the setting, or a monitor is recorded
(`store/deliveries/monitor_deliveries.py`).
"""

from __future__ import annotations

from typing import ClassVar

from connector.domain.audit.history import CHANGED, CLAIM, PROVIDER, REMOVED, RUN, USER, Change
from connector.domain.frozen import frozen
from connector.domain.studio.workflow_run import is_final
from connector.store.deliveries.monitor_deliveries import MonitorPayload

SETTING = "studio"  # the property of a provider that has the setting


@frozen
class UpdateMonitor(MonitorPayload):
    """Create or end a user's monitor, by the state of the user's claims at delivery."""

    kind: ClassVar[str] = "update_monitor"
    provider_id: str
    user_id: str


@frozen
class UpdateMonitorsOfUser(MonitorPayload):
    """Update the monitors of a user with all providers."""

    kind: ClassVar[str] = "update_monitors_of_user"
    user_id: str


@frozen
class UpdateMonitorsOfProvider(MonitorPayload):
    """Update the monitors of a provider's users, from `position` on."""

    kind: ClassVar[str] = "update_monitors_of_provider"
    provider_id: str
    position: str = ""


class MonitorAnnouncement:
    """A subscriber of the journal."""

    def wants(self, change: Change) -> bool:
        """Whether the change may create or end a monitor."""
        return _is_of_user(change) or _is_removal(change) or _is_of_provider(change)

    def delivery(self, change: Change) -> MonitorPayload:
        """Return the delivery for a user with one provider, a user, or a provider."""
        if change.subject == PROVIDER:
            return UpdateMonitorsOfProvider(change.tenant, change.provider_id or "", None)
        if change.subject == USER:
            return UpdateMonitorsOfUser(change.tenant, None, change.name or "")
        return UpdateMonitor(change.tenant, change.provider_id or "", change.user_id or "")


def _is_of_user(change: Change) -> bool:
    is_known = change.user_id is not None and change.provider_id is not None
    return is_known and (change.subject == CLAIM or (change.subject == RUN and is_final(change.current)))


def _is_removal(change: Change) -> bool:
    return change.subject == USER and change.current == REMOVED


def _is_of_provider(change: Change) -> bool:
    if change.subject != PROVIDER:
        return False
    has_setting = change.current == CHANGED and SETTING in change.detail.get("properties", ())
    return has_setting or change.current == REMOVED
