"""The schemas of a user's claims, and of the requests to verify them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields

from connector.api.fields import Flag, Id, Items, Metadata, Name, Text
from connector.api.properties import is_number
from connector.domain.claims import Claim
from connector.domain.studio.workflow_input import RunRequest
from connector.domain.utc import timestamp
from connector.services.people.claim_entries import ClaimEntry
from connector.services.results.kept import DOCUMENT, OUTPUT_VALUE

if TYPE_CHECKING:
    from connector.services.starting.requests import Capture

MAX_METADATA = 8192  # characters of a claim's metadata as JSON
SDK_TOKEN = "sdk_token"  # noqa: S105  the name of a metadata key
LINK_URL = "link_url"  # another, if the user captures at a link
CUSTOM_DATA = "custom_data."  # prefix of the names of custom input data, among a request's properties


class PropertySchema(ma.Schema):
    """One property of a verification request; one without a value counts as left out."""

    key = Text(required=True, metadata={"example": "status"})
    value = Text(limit=2048, allow_none=True, load_default=None, metadata={"example": "INITIATED"})


class VerifyRequestSchema(ma.Schema):
    """A request to initiate, complete or resume the verification of some claims."""

    idVProviderId = Id(required=True)
    claims = Items(Text(), load_default=list)
    properties = Items(fields.Nested(PropertySchema), most=50, load_default=list)


class ClaimMetadataSchema(ma.Schema):
    """The metadata of a claim's verification; an administrator may have added other keys."""

    class Meta:
        """An administrator's own keys are kept."""

        unknown = ma.INCLUDE

    onfido_applicant_id = fields.String(metadata={"description": "The applicant at Onfido."})
    onfido_workflow_run_id = fields.String(metadata={"description": "The workflow run at Onfido."})
    onfido_workflow_status = fields.String(metadata={"example": "approved", "description": "The run's status."})
    onfido_verification_status = fields.String(
        metadata={"example": "clear", "description": "The run's result for this claim: `clear`, or the reason."}
    )
    onfido_completed_at = fields.String(metadata={"example": "2026-01-31T09:30:00Z"})
    onfido_decision = fields.String(metadata={"description": "An administrator's decision on a run in review."})
    onfido_output_value = fields.String(metadata={"description": "The value in the workflow's output."})
    onfido_document = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": "The values read from the document."}
    )
    sdk_token = fields.String(metadata={"description": "For Onfido's SDK; only in answers that start or resume."})
    link_url = fields.String(metadata={"description": "The link to capture, instead of the SDK."})


class _KnownMetadata(fields.Nested):
    """Metadata that is written unchanged; its schema lists the keys that the connector itself writes."""

    def _serialize(  # type: ignore[override]  # marshmallow names the value in two ways
        self, value: Any, attr: str | None, obj: Any, **kwargs: Any
    ) -> dict[str, Any]:
        return dict(value)  # all keys are written, including an administrator's


class ClaimSchema(ma.Schema):
    """A claim of a user."""

    id = fields.String(required=True)
    uri = fields.String(required=True, metadata={"example": "http://wso2.org/claims/givenname"})
    isVerified = Flag(required=True)
    idVProviderId = fields.String(required=True)
    claimMetadata = _KnownMetadata(ClaimMetadataSchema, required=True)


class VerifyResponseSchema(ma.Schema):
    """The claims of a request."""

    idVProviderId = fields.String(required=True)
    claims = fields.List(fields.Nested(ClaimSchema), required=True)


class ClaimUpdateSchema(ma.Schema):
    """An administrator's correction of a claim."""

    isVerified = Flag(required=True)
    claimMetadata = Metadata(limit=MAX_METADATA, required=True, metadata={"example": {"source": "desk"}})

    @ma.validates("claimMetadata")
    def _check_metadata(self, metadata: dict[str, Any], **_: Any) -> None:
        if kept_out := {SDK_TOKEN, LINK_URL} & set(metadata):
            raise ma.ValidationError(f"must not have {', '.join(sorted(kept_out))}, which is never stored")


class ClaimRequestSchema(ClaimUpdateSchema):
    """A claim as an administrator sends it."""

    uri = Name(required=True)
    idVProviderId = Id(required=True)
    isVerified = Flag(load_default=False)
    claimMetadata = Metadata(limit=MAX_METADATA, load_default=dict, metadata={"example": {"source": "desk"}})


class ClaimQuerySchema(ma.Schema):
    """The filter of a user's claims; a blank provider means all."""

    idVProviderId = Id(load_default=None)


def status_property(properties: Mapping[str, str]) -> str | None:
    """Return the `status` among the properties of a request, in capitals; None if it is missing."""
    return (properties.get("status") or "").strip().upper() or None


def run_request(properties: Mapping[str, str]) -> RunRequest:
    """Read the run's options from a request's properties; unknown ones are ignored, as WSO2 does."""
    known = {key: value.strip() for key, value in properties.items() if value.strip()}
    return RunRequest(
        tags=_names(known.get("tags")),
        given={
            key.removeprefix(CUSTOM_DATA): value for key, value in properties.items() if key.startswith(CUSTOM_DATA)
        },
        consents=_names(known.get("consents")),
        capture=known["capture"].lower() if "capture" in known else None,
        completed_redirect_url=known.get("completed_redirect_url"),
        expired_redirect_url=known.get("expired_redirect_url"),
        lifetime=_seconds(known.get("link_lifetime")),
        language=known.get("language"),
        referrer=known.get("referrer"),
        application_id=known.get("application_id"),
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not is_number(text):
        raise ma.ValidationError({"properties": ["link_lifetime: must be a number of seconds"]})
    return int(text)


def claim_entry(body: Mapping[str, Any]) -> ClaimEntry:
    """Read a loaded `ClaimRequestSchema`."""
    return ClaimEntry(body["uri"], body["idVProviderId"], body["isVerified"], body["claimMetadata"])


def claim_body(claim: Claim, **more: Any) -> dict[str, Any]:
    """Write a claim; once it has a run, Onfido's values replace an administrator's under the same keys."""
    onfido = {
        "onfido_applicant_id": claim.applicant_id,
        "onfido_workflow_run_id": claim.run_id,
        "onfido_workflow_status": claim.workflow_status,
        "onfido_verification_status": claim.verification_status,
        "onfido_completed_at": timestamp(claim.completed_at),
        "onfido_decision": claim.decision,
        OUTPUT_VALUE: None,
        DOCUMENT: None,
    }
    known = {key: value for key, value in (onfido | more).items() if value is not None}
    noted = {key: value for key, value in claim.metadata.items() if claim.run_id is None or key not in onfido}
    return {
        "id": claim.claim_id,
        "uri": claim.uri,
        "isVerified": claim.is_verified,
        "idVProviderId": claim.provider_id,
        "claimMetadata": noted | known,
    }


def capture_body(claim: Claim, capture: Capture) -> dict[str, Any]:
    """Write a claim in the answer to INITIATED or REINITIATED: with its SDK token or link."""
    verification = capture.verification
    in_progress = {
        "onfido_applicant_id": verification.applicant_id,
        "onfido_workflow_run_id": verification.run_id,
        "onfido_workflow_status": verification.status,
        SDK_TOKEN: capture.sdk_token,
        LINK_URL: capture.link_url,
    }
    # verified by an earlier run, whose result does not belong to this verification
    if claim.run_id != verification.run_id:
        in_progress |= {"onfido_verification_status": None, "onfido_completed_at": None, "onfido_decision": None}
    return claim_body(claim, **in_progress)
