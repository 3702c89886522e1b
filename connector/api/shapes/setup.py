"""The schemas of a provider's checks and webhook."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Moment


class MatchImpactSchema(ma.Schema):
    """What `unverifyOnMatch` would have done since a time, with the number of matches and users.

    `withdrawn` is the number of verified claims that would have been withdrawn. Users who were removed since are
    counted, their claims are not. `isComplete` is false if there were more matches than the latest thousand, which are
    considered.
    """

    since = Moment(required=True)
    matches = fields.Integer(required=True, metadata={"example": 7})
    users = fields.Integer(required=True)
    withdrawn = fields.Integer(required=True)
    isComplete = Flag(required=True, attribute="is_complete")


class CheckSchema(ma.Schema):
    """One check; `passed` is null if it was not made."""

    name = fields.String(required=True, metadata={"example": "token"})
    passed = Flag(required=True, allow_none=True)
    detail = fields.String(required=True)


class ReadinessSchema(ma.Schema):
    """The checks, in order: region, token, environment, workflow, claims, webhook."""

    passed = Flag(required=True)
    environment = fields.String(required=True, allow_none=True, validate=validate.OneOf(("sandbox", "live", None)))
    checks = fields.List(fields.Nested(CheckSchema), required=True)


class WebhookSchema(ma.Schema):
    """Our webhook at Onfido; its token is never in an answer."""

    webhook_id = fields.String(required=True, data_key="webhookId")
    url = fields.String(
        required=True,
        data_key="webhookUrl",
        metadata={"example": "https://idv.example.com/idv/onfido/v1/2a09dbb9-4b70-44b6-a02c-eab2c95fa971/verify"},
    )
    events = fields.List(fields.String(), required=True)
    environments = fields.List(fields.String(), required=True)
    is_new = Flag(required=True, data_key="isNew")


class UsageSchema(ma.Schema):
    """The number of objects that depend on a provider; 1000 means 1000 or more."""

    open_verifications = fields.Integer(required=True, data_key="openVerifications", metadata={"example": 12})
    verifications = fields.Integer(required=True, metadata={"example": 1000})
    verified_claims = fields.Integer(required=True, data_key="verifiedClaims", metadata={"example": 1000})
    applicants = fields.Integer(required=True, metadata={"description": "At Onfido, where they stay", "example": 1000})
