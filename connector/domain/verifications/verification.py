"""A verification of some of a user's claims through a provider."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from connector.domain.frozen import frozen
from connector.domain.studio.studio import OutputClaim, OutputRole
from connector.domain.studio.workflow_run import REVIEW

NO_DECISION, AWAITED_DECISION = "none", "awaited"  # in a filter
MAX_REASON = 1000  # characters of an administrator's reason for a decision


# Fewer than 30 fields: with more, Python stores the fields of each object in a larger dictionary of its own.
@frozen
class Verification:
    """One verification; `run_id` is None until Onfido's answer was recorded, `closed_at` until it has ended.

    `result` (the output and reasons) and `document` (the values read from it) are encrypted, and kept for a limited
    time.
    """

    verification_id: str
    tenant: str
    provider_id: str
    user_id: str
    status: str
    applicant_id: str | None
    run_id: str | None
    run_requested_at: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    environment: str | None
    sends_user_id: bool
    failure: str | None
    capture: str
    dashboard_url: str | None
    result: str | None = field(repr=False)
    wants_document: bool
    document: str | None = field(repr=False)
    decision: str | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    closed_at: datetime | None
    refresh_after: datetime | None = None
    client_id: str | None = None
    workflow_version_id: int | None = None
    captured_at: datetime | None = None
    decision_awaited_at: datetime | None = None
    replaced_at: datetime | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether its run ended in review, without an administrator's decision so far."""
        return self.status == REVIEW and self.decision is None

    @property
    def needs_review(self) -> bool:
        """Whether it waits for an administrator's decision: it can be decided, unless a later one is being started."""
        return self.is_undecided and self.replaced_at is None


@frozen
class VerificationClaim:
    """A claim of a verification: sent as an applicant field, contained in the workflow's output, or both.

    `fingerprint` is that of the user's value, None if there is none, empty if it was not read yet; `is_stale`: the
    value has changed since. `folded_fingerprint` is that of the value folded by `connector.domain.text.fold`, if the
    workflow's output has the value.
    """

    uri: str
    applicant_field: str | None
    output_pointer: str | None = None
    output_role: OutputRole | None = None
    fingerprint: str | None = None
    is_stale: bool = False
    folded_fingerprint: str | None = None

    @property
    def is_placeholder(self) -> bool:
        """Whether the claim's field was sent with the substitute for a missing name."""
        return (
            self.applicant_field is not None and self.fingerprint is None and self.output_role is not OutputRole.VALUE
        )


def claim_of(uri: str, applicant_field: str | None, output: OutputClaim | None) -> VerificationClaim:
    """Create a claim of a verification that is about to start."""
    if output is None:
        return VerificationClaim(uri, applicant_field)
    return VerificationClaim(uri, applicant_field, output.pointer, output.role)


@frozen
class VerificationFilter:
    """A filter of verifications; None or empty means any. The period is half open.

    `claim` and `result` are one filter: verifications with this result for that claim. `needs_review`: only those that
    wait for an administrator's decision. `decision`: those that an administrator has approved or declined, or
    `NO_DECISION`, or `AWAITED_DECISION`: those for which a decision is awaited in Onfido's dashboard.
    """

    provider_id: str | None = None
    user_id: str | None = None
    statuses: tuple[str, ...] = ()
    tag: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    environment: str | None = None
    claim: str | None = None
    result: str | None = None
    needs_review: bool = False
    decision: str | None = None
    capture: str | None = None
