"""The schemas of providers' health, and its only view, which the command line prints as well."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag
from connector.api.shapes.setup import CheckSchema
from connector.domain.providers.health import BAD, GOOD, STATES, UNCHECKED, Health
from connector.domain.utc import timestamp

_TIME = {"format": "date-time", "example": "2026-01-31T09:30:00Z"}


class HealthSchema(ma.Schema):
    """The last check of a provider.

    `state` is `unknown` if Onfido did not answer the last time (`triedAt`). `knownState`, `checks` and `ageSeconds` are
    of the last time that it answered (`checkedAt`); `goodAt` is the last time without a failed check. `isOutdated`: the
    provider was changed since. `lastEventAt` is the time of Onfido's last post.
    """

    providerId = fields.String(required=True)
    providerName = fields.String(required=True, metadata={"example": "Onfido"})
    state = fields.String(required=True, validate=validate.OneOf(STATES), metadata={"example": "good"})
    knownState = fields.String(required=True, validate=validate.OneOf((GOOD, BAD, UNCHECKED)))
    isChecking = Flag(required=True)
    isOutdated = Flag(required=True)
    triedAt = fields.String(required=True, allow_none=True, metadata=_TIME)
    checkedAt = fields.String(required=True, allow_none=True, metadata=_TIME)
    ageSeconds = fields.Integer(required=True, allow_none=True, metadata={"example": 5400})
    goodAt = fields.String(required=True, allow_none=True, metadata=_TIME)
    lastEventAt = fields.String(required=True, allow_none=True, metadata=_TIME)
    failed = fields.List(fields.String(), required=True)
    checks = fields.List(fields.Nested(CheckSchema), required=True)


class HealthListSchema(ma.Schema):
    """The last check of every provider of the tenant, ordered by name."""

    count = fields.Integer(required=True)
    providers = fields.List(fields.Nested(HealthSchema), required=True)


def health_list_body(all_health: Sequence[Health], now: datetime) -> dict[str, Any]:
    """Return a body in the form of `HealthListSchema`."""
    return {"count": len(all_health), "providers": [health_body(each, now) for each in all_health]}


def health_body(health: Health, now: datetime) -> dict[str, Any]:
    """Return a body in the form of `HealthSchema`."""
    age = None if health.checked_at is None else max(0, int((now - health.checked_at).total_seconds()))
    return {
        "providerId": health.provider_id,
        "providerName": health.provider_name,
        "state": health.state,
        "knownState": health.known_state,
        "isChecking": health.is_checking,
        "isOutdated": health.is_outdated,
        "triedAt": timestamp(health.tried_at),
        "checkedAt": timestamp(health.checked_at),
        "ageSeconds": age,
        "goodAt": timestamp(health.good_at),
        "lastEventAt": timestamp(health.last_event_at),
        "failed": health.failed,
        "checks": health.checks,
    }
