"""The schemas of deliveries, and their only view, which the command line prints as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.cursors import cursor_parameter, next_cursor, page_members
from connector.api.fields import Id, WholeNumber
from connector.domain.deliveries import KINDS, STATES, KindCount
from connector.domain.utc import timestamp
from connector.services.application.deliveries import MOST_COUNTED, MOST_OF_KIND, StoredDelivery
from connector.services.cursors import Page

MAX_PAGE = 1000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", re.ASCII)  # as payloads have it


class DeliveryQuerySchema(ma.Schema):
    """Filters and pages of deliveries, the latest first."""

    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    verificationId = Id(load_default=None)
    endpointId = Id(load_default=None)
    providerId = Id(load_default=None)
    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    limit = WholeNumber(load_default=25, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = cursor_parameter()


class KindCountQuerySchema(ma.Schema):
    """The provider whose deliveries to count; without it, all of the tenant's."""

    providerId = Id(load_default=None)


class KindCountSchema(ma.Schema):
    """The numbers of deliveries of a kind: queued (`ready`), `done` and `dead`."""

    kind = fields.String(required=True, metadata={"example": "tell_change"})
    ready = fields.Integer(required=True)
    done = fields.Integer(required=True)
    dead = fields.Integer(required=True)


class KindCountsSchema(ma.Schema):
    """The numbers of deliveries by kind; kinds without any are left out. A number equal to `atMost` may be larger."""

    atMost = fields.Integer(required=True, metadata={"example": MOST_OF_KIND})
    kinds = fields.List(fields.Nested(KindCountSchema), required=True)


class ResendPreviewSchema(ma.Schema):
    """The number of deliveries that would be repeated; null if more than `atMost` would have to be examined."""

    count = fields.Integer(required=True, allow_none=True)
    atMost = fields.Integer(required=True, metadata={"example": MOST_COUNTED})


class AttemptSchema(ma.Schema):
    """An attempt that failed or was answered: `reason` is the cause of a failure, `seconds` its duration."""

    number = fields.Integer(required=True)
    at = fields.String(required=True, metadata={"example": "2026-01-31T09:30:00Z", "format": "date-time"})
    status = fields.Integer(allow_none=True)
    seconds = fields.Float()
    reason = fields.String()


class DeliverySchema(ma.Schema):
    """A delivery: its payload, receiver, attempts, and their results."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    attempts = fields.Integer(required=True)
    createdAt = fields.String(required=True, metadata={"format": "date-time"})
    dueAt = fields.String(required=True, metadata={"format": "date-time"})
    settledAt = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    tenant = fields.String(required=True, allow_none=True)
    providerId = fields.String(required=True, allow_none=True)
    verificationId = fields.String(required=True, allow_none=True)
    endpointId = fields.String(required=True, allow_none=True)
    lastFailure = fields.String(required=True, allow_none=True)
    payload = fields.Dict(required=True)
    history = fields.List(fields.Nested(AttemptSchema), required=True)


class WholeDeliverySchema(DeliverySchema):
    """A delivery with the start of the receiver's latest answer."""

    answer = fields.String(required=True, allow_none=True)


class DeliveryPageSchema(ma.Schema):
    """A page of deliveries; `nextCursor` is null on the last one."""

    count = fields.Integer(required=True)
    deliveries = fields.List(fields.Nested(DeliverySchema), required=True)
    nextCursor = next_cursor()


def deliveries_body(page: Page[StoredDelivery]) -> dict[str, Any]:
    """Write a page of deliveries."""
    return page_members("deliveries", page, delivery_body)


def kind_counts_body(counts: Sequence[KindCount]) -> dict[str, Any]:
    """Write the numbers by kind."""
    return {"atMost": MOST_OF_KIND, "kinds": [asdict(each) for each in counts]}


def preview_body(count: int | None) -> dict[str, Any]:
    """Return a body in the form of `ResendPreviewSchema`."""
    return {"count": count, "atMost": MOST_COUNTED}


def delivery_body(row: StoredDelivery) -> dict[str, Any]:
    """Write a delivery."""
    reasons = [attempt["reason"] for attempt in row.history if "reason" in attempt]
    return {
        "id": row.delivery_id,
        "kind": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "createdAt": timestamp(row.created_at),
        "dueAt": timestamp(row.due_at),
        "settledAt": timestamp(row.settled_at),
        "tenant": row.tenant,
        "providerId": row.provider_id,
        "verificationId": row.verification_id,
        "endpointId": row.endpoint_id,
        "lastFailure": reasons[-1] if reasons else None,
        "payload": {_camel(name): _written(value) for name, value in row.payload.items()},
        "history": list(row.history),
    }


def _written(value: Any) -> Any:
    """Return a payload's value; a time is written as all times are."""
    is_time = isinstance(value, str) and _TIME.fullmatch(value)
    return timestamp(datetime.fromisoformat(value)) if is_time else value


def _camel(name: str) -> str:
    """Return the name that the API gives to a field."""
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))
