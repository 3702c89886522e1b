"""Watchlist monitors: the monitor that a user should have with a provider, by the state of the user's claims.

A user is monitored while a claim is verified with the provider and none was withdrawn, contradicted or corrected. A
claim without a result, such as one that was not compared, has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connector.domain.environment import is_elsewhere
from connector.domain.frozen import frozen
from connector.domain.studio.workflow_run import TAG_PREFIX, Comparison

STANDARD, AML = "watchlist_standard", "watchlist_aml"  # Onfido's API v3.6, schema `watchlist_monitor_shared`
REPORTS = (STANDARD, AML)
_SAYS_NOTHING = (Comparison.NOT_COMPARED, Comparison.UNIDENTIFIED)


@frozen
class MonitorTarget:
    """The applicant to monitor, and the report that its monitor creates."""

    applicant_id: str
    report_name: str


@frozen
class RemoteMonitor:
    """An active monitor as Onfido lists it; `tags` are None if the list shows none."""

    monitor_id: str
    report_name: str | None
    tags: tuple[str, ...] | None


@frozen
class ClaimStanding:
    """The state of a claim with one provider; the applicant is that of the claim's verification, started at `since`."""

    is_verified: bool
    verification_id: str | None
    verification_status: str | None
    applicant_id: str | None
    since: datetime | None
    environment: str | None = None

    @property
    def is_against(self) -> bool:
        """Whether the user counts as not verified because of this claim."""
        is_pending = self.verification_id is not None and self.verification_status is None
        return not (self.is_verified or is_pending or self.verification_status in _SAYS_NOTHING)


def target_of(
    claims: Sequence[ClaimStanding], report_name: str | None, environment: str | None = None
) -> MonitorTarget | None:
    """Return the target, the latest applicant that has verified a claim; None if there is to be no monitor.

    `environment` is the provider's: an applicant of another one cannot be used.
    """
    verified = [
        (claim.since, claim.applicant_id)
        for claim in claims
        if claim.is_verified and claim.applicant_id and claim.since
        if not is_elsewhere(claim.environment, environment)
    ]
    if report_name is None or not verified or any(claim.is_against for claim in claims):
        return None
    return MonitorTarget(max(verified)[1], report_name)


def monitor_tag(provider_id: str) -> str:
    """Return the tag by which the connector finds the monitors that it has created for a provider."""
    return f"{TAG_PREFIX}provider:{provider_id}"


def is_ours(monitor: RemoteMonitor, tag: str, monitor_id: str | None) -> bool:
    """Whether the connector created a monitor: the one that it recorded, or one with its tag.

    A monitor without visible tags counts as well, because the applicant is the connector's own.
    """
    return monitor.monitor_id == monitor_id or monitor.tags is None or tag in monitor.tags
