"""The schemas of verifications: lists, one verification with its kept results, a decision, a timeline file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.cursors import cursor_parameter, next_cursor, page_members
from connector.api.fields import Flag, Moment, Text, WholeNumber
from connector.domain.audit.history import Change, differences_of
from connector.domain.audit.sentences import sentence
from connector.domain.claims import Claim
from connector.domain.studio.studio import MAX_TAG_LENGTH, OutputRole
from connector.domain.utc import timestamp
from connector.domain.verifications.verification import MAX_REASON, VerificationClaim
from connector.domain.verifications.verification_filter import FALLING, RISING, STATUSES
from connector.errors import message_of

if TYPE_CHECKING:  # the command line prints these schemas, and imports the use cases only when it opens them
    from connector.services.cursors import Page
    from connector.services.lookup.verifications import ListedVerification, LiveTasks, VerificationDetails

APPROVE, DECLINE = "approve", "decline"
MAX_OFFSET = 10_000  # skipped rows have to be read
_DAY = {"example": "2026-01-31"}
_TOO_FAR = "must be from {min} to {max}; read further pages with `cursor`"


class VerificationFilterSchema(ma.Schema):
    """Filters of verifications; `from` and `to` are dates or date-times, in UTC if they name no zone.

    `claim` and `result` must be given together: verifications with this result for that claim. `needsReview=true`: only
    undecided ones in review. `decision`: those that an administrator has `approved` or `declined`, or `none` of both,
    or whose decision is `awaited` in Onfido's dashboard. `capture`: with the `sdk`, or by a `link`.
    """

    status = Text(limit=1024, load_default=None, metadata={"example": "review,declined"})
    userId = Text(load_default=None)
    tag = Text(limit=MAX_TAG_LENGTH, load_default=None)
    environment = Text(load_default=None, metadata={"example": "live"})
    claim = Text(load_default=None, metadata={"example": "http://wso2.org/claims/givenname"})
    result = Text(load_default=None, metadata={"example": "consider"})
    needsReview = Text(load_default=None, metadata={"example": "true"})
    decision = Text(load_default=None, metadata={"example": "declined"})
    capture = Text(load_default=None, metadata={"example": "link"})
    from_ = Text(load_default=None, data_key="from", attribute="from", metadata=_DAY)
    to = Text(load_default=None, metadata=_DAY)


class VerificationQuerySchema(VerificationFilterSchema):
    """Filters, order (by start time) and page of the list of verifications; `total` requests `totalResults`."""

    sort = fields.String(load_default=FALLING, validate=validate.OneOf((RISING, FALLING)))
    limit = WholeNumber(load_default=25, validate=validate.Range(min=0, max=1000))
    offset = WholeNumber(load_default=0, validate=validate.Range(min=0, max=MAX_OFFSET, error=_TOO_FAR))
    cursor = cursor_parameter()
    total = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})

    @ma.validates_schema
    def check_position(self, query: dict[str, Any], **_: Any) -> None:
        """Refuse two positions at once."""
        if query["cursor"] is not None and query["offset"]:
            raise ma.ValidationError("must not be given together with `offset`", "cursor")


class VerificationSchema(ma.Schema):
    """A verification; `id` is its own, `runId` that of Onfido's run.

    `clientId` is the application that started it, `capturedAt` the time by which the user had completed capture.
    `needsReview`: it waits for an administrator's decision; a review that a later run has replaced does not.
    """

    id = fields.String(required=True, attribute="verification.verification_id")
    runId = fields.String(required=True, allow_none=True, attribute="verification.run_id")
    providerId = fields.String(required=True, attribute="verification.provider_id")
    userId = fields.String(required=True, attribute="verification.user_id")
    status = fields.String(required=True, attribute="verification.status", metadata={"example": STATUSES[-1]})
    decision = fields.String(required=True, allow_none=True, attribute="verification.decision")
    applicantId = fields.String(required=True, allow_none=True, attribute="verification.applicant_id")
    tags = fields.List(fields.String(), required=True)
    capture = fields.String(required=True, attribute="verification.capture")
    environment = fields.String(required=True, allow_none=True, attribute="verification.environment")
    clientId = fields.String(required=True, allow_none=True, attribute="verification.client_id")
    workflowVersionId = fields.Integer(required=True, allow_none=True, attribute="verification.workflow_version_id")
    dashboardUrl = fields.String(required=True, allow_none=True, attribute="verification.dashboard_url")
    createdAt = Moment(required=True, attribute="verification.created_at")
    updatedAt = Moment(required=True, attribute="verification.updated_at")
    capturedAt = Moment(required=True, allow_none=True, attribute="verification.captured_at")
    completedAt = Moment(required=True, allow_none=True, attribute="verification.completed_at")
    closedAt = Moment(required=True, allow_none=True, attribute="verification.closed_at")
    failure = fields.String(required=True, allow_none=True, attribute="verification.failure")
    needsReview = Flag(required=True, attribute="verification.needs_review")


class RefusalSchema(ma.Schema):
    """A refused start: the error's code and message, and the claims, without values."""

    at = Moment(required=True)
    code = fields.String(required=True, metadata={"example": "OIDV-10002"})
    message = fields.String(required=True)
    claims = fields.List(fields.String(), required=True)
    providerId = fields.String(required=True, allow_none=True)
    actor = fields.String(required=True, allow_none=True)


class RemovalSchema(ma.Schema):
    """The time and caller of a user's removal; the listed verifications were started afterwards."""

    at = Moment(required=True)
    actor = fields.String(required=True, allow_none=True)


class VerificationListSchema(ma.Schema):
    """A page of verifications; `startIndex` counts from 1, and is left out of a page by cursor.

    `totalResults` is present if it was requested, and is at most 1000. With a filter by user, also the refused starts,
    as long as they are recorded, and the user's removal.
    """

    totalResults = fields.Integer()
    startIndex = fields.Integer()
    count = fields.Integer(required=True)
    nextCursor = next_cursor()
    verifications = fields.List(fields.Nested(VerificationSchema), required=True)
    refusals = fields.List(fields.Nested(RefusalSchema))
    userRemoved = fields.Nested(RemovalSchema, allow_none=True)


class DifferenceSchema(ma.Schema):
    """A property before and after; null means no value. For a secret or a user's values only that it changed."""

    property = fields.String(required=True, metadata={"example": "workflow_id"})
    from_ = fields.Raw(required=True, allow_none=True, data_key="from", attribute="from")
    to = fields.Raw(required=True, allow_none=True)


class ChangeSchema(ma.Schema):
    """An entry of the history: `subject` is run, claim or applicant, `actor` the administrator or the event's id.

    `channel` is api, console, cli, onfido or worker; `traceId` is that of the request. Older entries have neither.
    """

    at = fields.String(required=True, metadata={"example": "2026-01-31T09:30:00Z", "format": "date-time"})
    subject = fields.String(required=True, metadata={"example": "claim"})
    name = fields.String(required=True, allow_none=True)
    from_ = fields.String(required=True, allow_none=True, data_key="from", attribute="from")
    to = fields.String(required=True)
    cause = fields.String(required=True)
    actor = fields.String(required=True, allow_none=True)
    detail = fields.Dict(required=True)
    changes = fields.List(fields.Nested(DifferenceSchema), required=True)
    channel = fields.String(required=True, allow_none=True, metadata={"example": "api"})
    traceId = fields.String(required=True, allow_none=True)
    sentence = fields.String(required=True, metadata={"example": "bob replaced the API token of Onfido EU."})


class VerificationClaimSchema(ma.Schema):
    """A claim of a verification, and its current state; `valueChanged`: since the run was started."""

    uri = fields.String(required=True)
    sentAs = fields.String(required=True, allow_none=True)
    isVerified = Flag(required=True)
    verificationStatus = fields.String(required=True, allow_none=True)
    valueChanged = Flag(required=True)
    outputPointer = fields.String(required=True, allow_none=True)
    outputAs = fields.Enum(OutputRole, by_value=True, required=True, allow_none=True)


class TaskSchema(ma.Schema):
    """A task of a run at Onfido."""

    id = fields.String(required=True, attribute="task_id", metadata={"example": "document_check_88215"})
    taskDefId = fields.String(required=True, attribute="task_def_id")
    taskDefVersion = fields.String(required=True, allow_none=True, attribute="task_def_version")
    createdAt = Moment(required=True, allow_none=True, attribute="created_at")
    updatedAt = Moment(required=True, allow_none=True, attribute="updated_at")


class VerificationDetailsSchema(VerificationSchema):
    """All stored data of a verification. `output`, `reasons` and `document` are null if they are not kept.

    `tasks` are read from Onfido now; null if it does not answer, with the reason in `tasksUnavailable`.
    """

    claims = fields.List(fields.Nested(VerificationClaimSchema), required=True)
    output = fields.Raw(required=True, allow_none=True)
    reasons = fields.List(fields.String(), required=True, allow_none=True)
    document = fields.Dict(keys=fields.String(), values=fields.String(), required=True, allow_none=True)
    history = fields.List(fields.Nested(ChangeSchema), required=True)
    tasks = fields.List(fields.Nested(TaskSchema), required=True, allow_none=True)
    tasksUnavailable = fields.String(required=True, allow_none=True)


class DecisionSchema(ma.Schema):
    """An administrator's decision on a run in review, with the reason."""

    decision = fields.String(required=True, validate=validate.OneOf((APPROVE, DECLINE)))
    reason = Text(limit=MAX_REASON, required=True, metadata={"example": "Seen with the user present."})


class TimelineFileSchema(ma.Schema):
    """A timeline file that is being created; it will be available at `href`."""

    fileId = fields.String(required=True, metadata={"example": "5c8a1f0e-6a7e-4a6a-9d3b-0c5de0f0a001"})
    href = fields.String(required=True)


def page_body(
    page: Page[ListedVerification],
    *,
    offset: int | None = 0,
    total: int | None = None,
    of_user: tuple[Sequence[Change], Change | None] | None = None,
) -> dict[str, Any]:
    """Return a body in the form of `VerificationListSchema`; `of_user` has a user's refused starts and removal."""
    body: dict[str, Any] = {} if total is None else {"totalResults": total}
    body |= {} if offset is None else {"startIndex": offset + 1}
    body |= page_members("verifications", page)
    if of_user is None:
        return body
    refusals, removal = of_user
    return body | {"refusals": [refusal_body(each) for each in refusals], "userRemoved": removal}


def refusal_body(refusal: Change) -> dict[str, Any]:
    """Return a body in the form of `RefusalSchema`."""
    return {
        "at": refusal.at,
        "code": refusal.current,
        "message": message_of(refusal.current),
        "claims": list(refusal.detail["claims"]),
        "providerId": refusal.provider_id,
        "actor": refusal.actor,
    }


def details_body(details: VerificationDetails, live: LiveTasks) -> dict[str, Any]:
    """Return a body in the form of `VerificationDetailsSchema`."""
    current = {claim.uri: claim for claim in details.current}
    return {
        "verification": details.listed.verification,
        "tags": details.listed.tags,
        "claims": [_claim_body(each, current.get(each.uri)) for each in details.claims],
        "output": details.result.output if details.result else None,
        "reasons": details.result.reasons if details.result else None,
        "document": details.document,
        "history": [change_body(change) for change in details.history],
        "tasks": live.tasks,
        "tasksUnavailable": live.unavailable,
    }


def _claim_body(claim: VerificationClaim, current: Claim | None) -> dict[str, Any]:
    return {
        "uri": claim.uri,
        "sentAs": claim.applicant_field,
        "isVerified": bool(current and current.is_verified),
        "verificationStatus": current.verification_status if current else None,
        "valueChanged": claim.is_stale,
        "outputPointer": claim.output_pointer,
        "outputAs": claim.output_role,
    }


def change_body(change: Change) -> dict[str, Any]:
    """Write an entry of the history."""
    return {
        "at": timestamp(change.at),
        "subject": change.subject,
        "name": change.name,
        "from": change.previous,
        "to": change.current,
        "cause": change.cause,
        "actor": change.actor,
        "detail": dict(change.detail),
        "changes": [{"property": name, **each} for name, each in differences_of(change).items()],
        "channel": change.channel,
        "traceId": change.trace_id,
        "sentence": sentence(change),
    }
