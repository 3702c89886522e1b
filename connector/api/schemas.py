"""The shapes on the wire, and nowhere else its camelCase; WSO2's API definitions are the source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.domain.claims import Claim
from connector.domain.history import Change
from connector.domain.provider import (
    DEFAULT_ATTEMPT_WINDOW,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_ATTEMPTS,
    PROVIDER_TYPE,
    Provider,
    ProviderConfig,
)
from connector.domain.verification import Verification
from connector.services.claims import ClaimEntry

_PROPERTIES = {"token", "workflow_id", "base_url", "webhook_token", "max_attempts", "attempt_window"}
READ_ONLY = "previous_webhook_token_expires_at"  # of the configuration properties; ignored in a request
MAX_DIGITS = 9
MAX_METADATA = 8192  # characters of a claim's metadata as JSON
SDK_TOKEN = "sdk_token"  # noqa: S105  the name of a metadata key


class Text(fields.String):
    """A string that every database and log can hold: bounded, without NUL and lone surrogates."""

    def __init__(self, *, limit: int = 255, **options: Any) -> None:
        super().__init__(validate=validate.Length(max=limit), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ma.ValidationError("Holds characters that are not allowed.")
        return text


class ClaimMappingSchema(ma.Schema):
    """One entry of a provider's claim mapping."""

    localClaim = Text(required=True, metadata={"example": "http://wso2.org/claims/givenname"})
    idvpClaim = Text(required=True, metadata={"example": "first_name"})


class ConfigPropertySchema(ma.Schema):
    """One configuration property; the `value` of a secret is never in an answer."""

    key = Text(required=True, metadata={"example": "workflow_id"})
    value = Text(limit=2048, allow_none=True, load_default=None)
    isSecret = fields.Boolean(load_default=False)


class ProviderRequestSchema(ma.Schema):
    """A provider as an administrator gives it."""

    type = Text(required=True, metadata={"example": PROVIDER_TYPE})
    name = Text(required=True, metadata={"example": "Onfido"})
    description = Text(limit=2048, load_default="", allow_none=True)
    image = Text(limit=2048, load_default="", allow_none=True)
    isEnabled = fields.Boolean(required=True)
    claims = fields.List(fields.Nested(ClaimMappingSchema), load_default=list, validate=validate.Length(max=100))
    configProperties = fields.List(
        fields.Nested(ConfigPropertySchema), load_default=list, validate=validate.Length(max=20)
    )


class ProviderSchema(ma.Schema):
    """A provider as it is answered."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    image = fields.String(required=True)
    isEnabled = fields.Boolean(required=True)
    claims = fields.List(fields.Nested(ClaimMappingSchema), required=True)
    configProperties = fields.List(fields.Nested(ConfigPropertySchema), required=True)


class ProviderQuerySchema(ma.Schema):
    """How the list of providers is filtered and paged."""

    limit = fields.Integer(load_default=25, strict=False, validate=validate.Range(min=0, max=1000))
    offset = fields.Integer(load_default=0, validate=validate.Range(min=0, max=2**31 - 1))
    filter = Text(limit=1024, load_default=None, metadata={"example": "name sw onfido and isEnabled eq true"})


class ProviderListSchema(ma.Schema):
    """A page of providers; `startIndex` counts from 1."""

    totalResults = fields.Integer(required=True)
    startIndex = fields.Integer(required=True)
    count = fields.Integer(required=True)
    identityVerificationProviders = fields.List(fields.Nested(ProviderSchema), required=True)


class SetupGuideSchema(ma.Schema):
    """What to enter in Onfido's dashboard, and what is still missing here."""

    providerId = fields.String(required=True)
    webhookUrl = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    hasWebhookToken = fields.Boolean(required=True)
    steps = fields.List(fields.String(), required=True)


class ChangeSchema(ma.Schema):
    """An entry of the history: `subject` is run or claim, `actor` the administrator or the event's id."""

    at = fields.String(required=True)
    subject = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    from_ = fields.String(required=True, allow_none=True, data_key="from", attribute="from")
    to = fields.String(required=True)
    cause = fields.String(required=True)
    actor = fields.String(required=True, allow_none=True)


class PropertySchema(ma.Schema):
    """One property of a verification request."""

    key = Text(required=True, metadata={"example": "status"})
    value = Text(limit=2048, required=True, metadata={"example": "INITIATED"})


class VerifyRequestSchema(ma.Schema):
    """A request to initiate, complete or resume the verification of some claims."""

    idVProviderId = Text(required=True)
    claims = fields.List(Text(), load_default=list, validate=validate.Length(max=100))
    properties = fields.List(fields.Nested(PropertySchema), load_default=list, validate=validate.Length(max=50))


class ClaimSchema(ma.Schema):
    """A claim of a user's."""

    id = fields.String(required=True)
    uri = fields.String(required=True)
    isVerified = fields.Boolean(required=True)
    idVProviderId = fields.String(required=True)
    claimMetadata = fields.Dict(required=True)


class VerifyResponseSchema(ma.Schema):
    """The claims that a request was about."""

    idVProviderId = fields.String(required=True)
    claims = fields.List(fields.Nested(ClaimSchema), required=True)


class ClaimUpdateSchema(ma.Schema):
    """An administrator's correction of a claim."""

    isVerified = fields.Boolean(required=True)
    claimMetadata = fields.Dict(keys=Text(), required=True)

    @ma.validates("claimMetadata")
    def _check_metadata(self, metadata: dict[str, Any], **_: Any) -> None:
        if SDK_TOKEN in metadata:
            raise ma.ValidationError(f"An {SDK_TOKEN} is never stored.")
        if len(json.dumps(metadata)) > MAX_METADATA:
            raise ma.ValidationError(f"Longer than {MAX_METADATA} characters as JSON.")


class ClaimRequestSchema(ClaimUpdateSchema):
    """A claim as an administrator gives it."""

    uri = Text(required=True)
    idVProviderId = Text(required=True)
    isVerified = fields.Boolean(load_default=False)
    claimMetadata = fields.Dict(keys=Text(), load_default=dict)


class ClaimQuerySchema(ma.Schema):
    """Which of a user's claims are asked for."""

    idVProviderId = Text(load_default=None)


def provider_config(body: Mapping[str, Any]) -> ProviderConfig:
    """Read a loaded `ProviderRequestSchema`; raises `ma.ValidationError` for properties nobody knows."""
    properties = _properties(body["configProperties"])
    if unknown := sorted(set(properties) - _PROPERTIES):
        raise ma.ValidationError({"configProperties": [f"Unknown: {', '.join(unknown)}."]})
    claims = body["claims"]
    if len({claim["localClaim"] for claim in claims}) < len(claims):
        raise ma.ValidationError({"claims": ["A local claim is mapped twice."]})
    return ProviderConfig(
        name=body["name"],
        description=body["description"] or "",
        image=body["image"] or "",
        is_enabled=body["isEnabled"],
        claims={claim["localClaim"]: claim["idvpClaim"] for claim in claims},
        workflow_id=properties.get("workflow_id", ""),
        base_url=properties.get("base_url", DEFAULT_BASE_URL),
        max_attempts=_number(properties, "max_attempts", DEFAULT_MAX_ATTEMPTS),
        attempt_window=_number(properties, "attempt_window", DEFAULT_ATTEMPT_WINDOW),
        api_token=properties.get("token"),
        webhook_token=properties.get("webhook_token"),
    )


def provider_body(provider: Provider) -> dict[str, Any]:
    """Write a provider; secrets come back without their values."""
    secrets = ["token"] + ["webhook_token"] * provider.has_webhook_token
    plain = {
        "workflow_id": provider.workflow_id,
        "base_url": provider.base_url,
        "max_attempts": str(provider.max_attempts),
        "attempt_window": str(provider.attempt_window),
    }
    if provider.previous_webhook_token_expires_at is not None:
        plain[READ_ONLY] = timestamp(provider.previous_webhook_token_expires_at) or ""
    return {
        "id": provider.provider_id,
        "type": PROVIDER_TYPE,
        "name": provider.name,
        "description": provider.description,
        "image": provider.image,
        "isEnabled": provider.is_enabled,
        "claims": [{"localClaim": uri, "idvpClaim": name} for uri, name in provider.claims.items()],
        "configProperties": [
            *({"key": key, "isSecret": True} for key in secrets),
            *({"key": key, "value": value, "isSecret": False} for key, value in plain.items()),
        ],
    }


def status_property(body: Mapping[str, Any]) -> str | None:
    """Give the `status` of a loaded `VerifyRequestSchema`, in capitals; None where it is missing."""
    value = {item["key"]: item["value"] for item in body["properties"]}.get("status")
    return value.strip().upper() if value else None


def claim_entry(body: Mapping[str, Any]) -> ClaimEntry:
    """Read a loaded `ClaimRequestSchema`."""
    return ClaimEntry(body["uri"], body["idVProviderId"], body["isVerified"], body["claimMetadata"])


def claim_body(claim: Claim, **more: str | None) -> dict[str, Any]:
    """Write a claim; what Onfido said of it goes over what an administrator noted, `more` over both."""
    onfido = {
        "onfido_applicant_id": claim.applicant_id,
        "onfido_workflow_run_id": claim.run_id,
        "onfido_workflow_status": claim.workflow_status,
        "onfido_verification_status": claim.verification_status,
        "onfido_completed_at": timestamp(claim.completed_at),
    }
    known = {key: value for key, value in (onfido | more).items() if value is not None}
    return {
        "id": claim.claim_id,
        "uri": claim.uri,
        "isVerified": claim.is_verified,
        "idVProviderId": claim.provider_id,
        "claimMetadata": {**claim.metadata, **known},
    }


def capture_body(claim: Claim, verification: Verification, sdk_token: str | None) -> dict[str, Any]:
    """Write a claim in the answer to INITIATED or REINITIATED: with the attempt under way and its SDK token."""
    return claim_body(
        claim,
        onfido_applicant_id=verification.applicant_id,
        onfido_workflow_run_id=verification.run_id,
        onfido_workflow_status=verification.status,
        sdk_token=sdk_token,
    )


def timestamp(moment: datetime | None) -> str | None:
    """Write a time as Onfido does: ISO 8601 in UTC, to the second."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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
    }


def _number(properties: Mapping[str, str], key: str, default: int) -> int:
    text = properties.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ma.ValidationError({"configProperties": [f"{key}: not a whole number."]})
    return int(text)


def _properties(items: list[dict[str, Any]]) -> dict[str, str]:
    """Read configuration properties; one without a value counts as left out."""
    if len({item["key"] for item in items}) < len(items):
        raise ma.ValidationError({"configProperties": ["A key is given twice."]})
    return {item["key"]: item["value"] for item in items if item["value"] and item["key"] != READ_ONLY}
