"""The schemas of a user's verification status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields

from connector.api.fields import Flag, Moment, Text
from connector.api.shapes.verification import RefusalSchema, refusal_body
from connector.domain.people.user_status import ProviderStatus
from connector.domain.verifications.verification import MAX_REASON, Verification

if TYPE_CHECKING:  # the command line prints these schemas, and imports the use cases only when it opens them
    from connector.services.lookup.user_status import UserStatus


class ClaimStatusSchema(ma.Schema):
    """A claim that the provider can verify; `reason` says why it is not verified."""

    uri = fields.String(required=True)
    isVerified = Flag(required=True, attribute="is_verified")
    verificationStatus = fields.String(required=True, allow_none=True, attribute="verification_status")
    reason = fields.String(required=True, allow_none=True)


class LastVerificationSchema(ma.Schema):
    """The user's latest verification with the provider; `id` is the verification's, `runId` Onfido's."""

    id = fields.String(required=True)
    runId = fields.String(required=True, allow_none=True)
    status = fields.String(required=True)
    createdAt = Moment(required=True)
    completedAt = Moment(required=True, allow_none=True)
    reasons = fields.List(fields.String(), required=True)


class ProviderStatusSchema(ma.Schema):
    """The user's verification state with one provider; `reason` is null for a verified user.

    `nextAttemptAt` is when the limit of attempts allows the next start, null if it does now.
    """

    providerId = fields.String(required=True)
    name = fields.String(required=True)
    isEnabled = Flag(required=True)
    isVerified = Flag(required=True)
    reason = fields.String(required=True, allow_none=True, metadata={"example": "The run was declined."})
    nextAttemptAt = Moment(required=True, allow_none=True)
    lastRun = fields.Nested(LastVerificationSchema, required=True, allow_none=True)
    lastRefusal = fields.Nested(RefusalSchema, required=True, allow_none=True)
    claims = fields.List(fields.Nested(ClaimStatusSchema), required=True)


class UserStatusSchema(ma.Schema):
    """The user's verification state with each provider of the tenant."""

    userId = fields.String(required=True, metadata={"example": "ann"})
    providers = fields.List(fields.Nested(ProviderStatusSchema), required=True)


class UnlockSchema(ma.Schema):
    """The provider whose attempt limit is reset for the user; if it is left out, all providers'."""

    idVProviderId = Text(load_default=None)


class ReasonSchema(ma.Schema):
    """The reason for unlocking a user."""

    reason = Text(limit=MAX_REASON, load_default=None, allow_none=True, metadata={"example": "Wrong document chosen"})


def status_body(status: UserStatus) -> dict[str, Any]:
    """Return a body in the form of `UserStatusSchema`."""
    return {"userId": status.user_id, "providers": [_provider_body(each) for each in status.providers]}


def _provider_body(status: ProviderStatus) -> dict[str, Any]:
    return {
        "providerId": status.provider.provider_id,
        "name": status.provider.name,
        "isEnabled": status.provider.is_enabled,
        "isVerified": status.is_verified,
        "reason": status.reason,
        "nextAttemptAt": status.next_attempt_at,
        "lastRun": _run_body(status.last_run, status.last_reasons) if status.last_run else None,
        "lastRefusal": refusal_body(status.last_refusal) if status.last_refusal else None,
        "claims": status.claims,
    }


def _run_body(run: Verification, reasons: Any) -> dict[str, Any]:
    return {
        "id": run.verification_id,
        "runId": run.run_id,
        "status": run.status,
        "createdAt": run.created_at,
        "completedAt": run.completed_at,
        "reasons": list(reasons),
    }
