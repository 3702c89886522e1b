"""The shapes on the wire, and nowhere else its camelCase; WSO2's API definitions are the source."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Id, Items, Limit, Metadata, Name, Text
from connector.api.studio_shapes import StudioSchema
from connector.domain.provider import PROVIDER_TYPE

MAX_METADATA = 8192  # characters of a claim's metadata as JSON
SDK_TOKEN = "sdk_token"  # noqa: S105  the name of a metadata key


LINK_URL = "link_url"  # another, where the user goes through capture at a link


class ClaimMappingSchema(ma.Schema):
    """One entry of a provider's claim mapping."""

    localClaim = Name(required=True, metadata={"example": "http://wso2.org/claims/givenname"})
    idvpClaim = Text(required=True, metadata={"example": "first_name"})


class ConfigPropertySchema(ma.Schema):
    """One configuration property; in an answer the `value` of a secret is a mask, which a PUT may send back."""

    key = Text(required=True, metadata={"example": "workflow_id"})
    value = Text(limit=2048, allow_none=True, load_default=None)
    isSecret = Flag(load_default=False, allow_none=True)


class ProviderRequestSchema(ma.Schema):
    """A provider as an administrator gives it."""

    type = Text(required=True, metadata={"example": PROVIDER_TYPE})
    name = Text(required=True, metadata={"example": "Onfido"})
    description = Text(limit=2048, load_default="", allow_none=True)
    image = Text(limit=2048, load_default="", allow_none=True)
    isEnabled = Flag(required=True)
    claims = Items(fields.Nested(ClaimMappingSchema), load_default=list)
    configProperties = Items(fields.Nested(ConfigPropertySchema), most=20, load_default=list)
    studio = fields.Nested(StudioSchema, load_default=None, allow_none=True)


class ProviderSchema(ma.Schema):
    """A provider as it is answered."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    image = fields.String(required=True)
    isEnabled = Flag(required=True)
    claims = fields.List(fields.Nested(ClaimMappingSchema), required=True)
    configProperties = fields.List(fields.Nested(ConfigPropertySchema), required=True)
    studio = fields.Nested(StudioSchema)


class ProviderQuerySchema(ma.Schema):
    """How the list of providers is filtered and paged."""

    limit = Limit(maximum=1000, load_default=25)
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
    hasWebhookToken = Flag(required=True)
    steps = fields.List(fields.String(), required=True)


class ChangeSchema(ma.Schema):
    """An entry of the history: `subject` is run, claim or applicant, `actor` the administrator or the event's id."""

    at = fields.String(required=True)
    subject = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    from_ = fields.String(required=True, allow_none=True, data_key="from", attribute="from")
    to = fields.String(required=True)
    cause = fields.String(required=True)
    actor = fields.String(required=True, allow_none=True)
    detail = fields.Dict(required=True)


class PropertySchema(ma.Schema):
    """One property of a verification request; one without a value counts as left out."""

    key = Text(required=True, metadata={"example": "status"})
    value = Text(limit=2048, allow_none=True, load_default=None, metadata={"example": "INITIATED"})


class VerifyRequestSchema(ma.Schema):
    """A request to initiate, complete or resume the verification of some claims."""

    idVProviderId = Id(required=True)
    claims = Items(Text(), load_default=list)
    properties = Items(fields.Nested(PropertySchema), most=50, load_default=list)


class ClaimSchema(ma.Schema):
    """A claim of a user's."""

    id = fields.String(required=True)
    uri = fields.String(required=True)
    isVerified = Flag(required=True)
    idVProviderId = fields.String(required=True)
    claimMetadata = fields.Dict(required=True)


class VerifyResponseSchema(ma.Schema):
    """The claims that a request was about."""

    idVProviderId = fields.String(required=True)
    claims = fields.List(fields.Nested(ClaimSchema), required=True)


class ClaimUpdateSchema(ma.Schema):
    """An administrator's correction of a claim."""

    isVerified = Flag(required=True)
    claimMetadata = Metadata(limit=MAX_METADATA, required=True)

    @ma.validates("claimMetadata")
    def _check_metadata(self, metadata: dict[str, Any], **_: Any) -> None:
        if kept_out := {SDK_TOKEN, LINK_URL} & set(metadata):
            raise ma.ValidationError(f"must not have {', '.join(sorted(kept_out))}, which is never stored")


class ClaimRequestSchema(ClaimUpdateSchema):
    """A claim as an administrator gives it."""

    uri = Name(required=True)
    idVProviderId = Id(required=True)
    isVerified = Flag(load_default=False)
    claimMetadata = Metadata(limit=MAX_METADATA, load_default=dict)


class ClaimQuerySchema(ma.Schema):
    """Which of a user's claims are asked for; a blank provider means all."""

    idVProviderId = Id(load_default=None)
