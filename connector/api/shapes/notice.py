"""The schemas of notice endpoints, and their only view, which the command line prints as well."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Id, Items, Since, Text
from connector.api.shapes.studio import MAX_URL
from connector.domain.answered import Answered
from connector.domain.notices import EVENTS, DeliveryRate, Endpoint, EndpointConfig
from connector.domain.providers.credentials import MASK
from connector.domain.utc import timestamp


class EndpointRequestSchema(ma.Schema):
    """An endpoint; without `providerId` it gets the events of all of the tenant's providers."""

    url = Text(limit=MAX_URL, required=True, metadata={"example": "https://app.example.com/onfido"})
    events = Items(fields.String(validate=validate.OneOf(EVENTS)), required=True)
    providerId = Id(load_default=None, allow_none=True)
    tasks = Items(Text(limit=64), load_default=list)
    isEnabled = Flag(load_default=True)


class SecretSchema(ma.Schema):
    """A secret in the format of the Standard Webhooks specification; if it is left out, one is generated."""

    secret = Text(load_default=None, allow_none=True, metadata={"example": "whsec_…"})


class NewEndpointSchema(EndpointRequestSchema, SecretSchema):
    """An endpoint to be registered."""


class SinceSchema(ma.Schema):
    """The time since which notices are sent again."""

    since = Since()


class RateSchema(ma.Schema):
    """The results of an endpoint's latest deliveries: `failures` of `attempts` failed."""

    deliveries = fields.Integer(required=True)
    attempts = fields.Integer(required=True)
    failures = fields.Integer(required=True)


class EndpointSchema(ma.Schema):
    """An endpoint; `isOfProvider`: it is part of its provider's `studio.notices`, and changed there."""

    id = fields.String(required=True, metadata={"example": "0b9c8e1e-0000-4000-8000-000000000000"})
    url = fields.String(required=True, metadata={"example": "https://app.example.com/onfido"})
    events = fields.List(fields.String(), required=True)
    providerId = fields.String(required=True, allow_none=True)
    tasks = fields.List(fields.String(), required=True)
    isEnabled = fields.Boolean(required=True)
    isOfProvider = fields.Boolean(required=True)
    disabledBecause = fields.String(required=True, allow_none=True)
    failuresInARow = fields.Integer(required=True)
    secret = fields.String(required=True)
    previousSecretExpiresAt = fields.String(required=True, allow_none=True)
    createdAt = fields.String(required=True)
    updatedAt = fields.String(required=True)


class RatedEndpointSchema(EndpointSchema):
    """An endpoint with the results of its latest deliveries."""

    rate = fields.Nested(RateSchema, required=True)


class EndpointListSchema(ma.Schema):
    """The endpoints of a tenant."""

    count = fields.Integer(required=True)
    endpoints = fields.List(fields.Nested(EndpointSchema), required=True)


class EndpointQuerySchema(ma.Schema):
    """The provider whose endpoints to list."""

    providerId = Id(load_default=None)


class TestedSchema(ma.Schema):
    """The answer to a notice of the type `test`; `problem` is null if it was accepted."""

    status = fields.Integer(required=True, allow_none=True, metadata={"example": 204})
    seconds = fields.Float(required=True)
    answer = fields.String(required=True)
    problem = fields.String(required=True, allow_none=True)


def endpoint_config(body: dict[str, Any]) -> EndpointConfig:
    """Read an endpoint's configuration."""
    return EndpointConfig(
        body["url"], tuple(body["events"]), body["providerId"], tuple(body["tasks"]), body["isEnabled"]
    )


def endpoint_body(endpoint: Endpoint, secret: str = MASK) -> dict[str, Any]:
    """Write an endpoint; its secret is masked, unless it was generated just now."""
    config = endpoint.config
    return {
        "id": endpoint.endpoint_id,
        "url": config.url,
        "events": list(config.events),
        "providerId": config.provider_id,
        "tasks": list(config.tasks),
        "isEnabled": config.is_enabled,
        "isOfProvider": endpoint.is_of_provider,
        "disabledBecause": endpoint.disabled_because,
        "failuresInARow": endpoint.failures,
        "secret": secret,
        "previousSecretExpiresAt": timestamp(endpoint.previous_secret_expires_at),
        "createdAt": timestamp(endpoint.created_at),
        "updatedAt": timestamp(endpoint.updated_at),
    }


def rate_body(rate: DeliveryRate) -> dict[str, Any]:
    """Write the results of an endpoint's latest deliveries."""
    return {"deliveries": rate.deliveries, "attempts": rate.attempts, "failures": rate.failures}


def tested_body(answered: Answered, problem: str | None) -> dict[str, Any]:
    """Write the answer to a test."""
    seconds = round(answered.seconds, 3)
    return {"status": answered.status, "seconds": seconds, "answer": answered.start, "problem": problem}


def read_since(text: str) -> datetime:
    """Read the time since which notices are sent again; raises marshmallow's `ValidationError`."""
    since: datetime = SinceSchema().load({"since": text})["since"]
    return since
