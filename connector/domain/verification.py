"""A verification: one attempt of a user to have some claims verified through a provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Verification:
    """One attempt; `run_id` is None until Onfido's answer was recorded, `closed_at` until it has ended."""

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
    failure: str | None
    next_check_at: datetime | None
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True)
class VerificationClaim:
    """A claim that an attempt is about; `is_stale`: the user's value has changed since it was sent."""

    uri: str
    applicant_field: str
    fingerprint: str | None
    is_stale: bool
