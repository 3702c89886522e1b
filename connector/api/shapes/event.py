"""The schemas of the events that Onfido posted, and their only view, which the command line prints as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.cursors import cursor_parameter, next_cursor, page_members
from connector.api.fields import Flag, Id, Moment, Text, WholeNumber
from connector.domain.events import EVENT_STATES, REFUSALS, EventFilter, RefusedPosts, StoredEvent, delay
from connector.domain.utc import timestamp
from connector.domain.verifications.verification_filter import FROM, TO, read_period
from connector.services.cursors import Page

MAX_PAGE = 1000
KIND = {"example": "workflow_run.completed"}


class EventQuerySchema(ma.Schema):
    """Filters and pages of events; `from` and `to` are dates or date-times, in UTC if they name no zone."""

    providerId = Id(load_default=None)
    verificationId = Id(load_default=None)
    runId = Id(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(EVENT_STATES))
    kind = Text(load_default=None, limit=128, metadata=KIND)
    from_ = Text(load_default=None, data_key="from", attribute="from", metadata={"example": "2026-01-31"})
    to = Text(load_default=None, metadata={"example": "2026-01-31"})
    limit = WholeNumber(load_default=25, validate=validate.Range(min=1, max=MAX_PAGE))
    cursor = cursor_parameter()


class EventSchema(ma.Schema):
    """An event that Onfido posted: `parked` until its run is known, `applied`, or `noted` if it has no meaning here.

    `happenedAt` is the event's time at Onfido, if it has one, and `delaySeconds` the time until its arrival.
    """

    id = fields.String(required=True)
    providerId = fields.String(required=True)
    kind = fields.String(required=True, metadata=KIND)
    runId = fields.String(required=True, allow_none=True)
    verificationId = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(EVENT_STATES))
    receivedAt = fields.String(required=True, metadata={"format": "date-time"})
    happenedAt = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    delaySeconds = fields.Float(required=True, allow_none=True)
    hasBody = Flag(required=True)


class EventPageSchema(ma.Schema):
    """A page of events; `nextCursor` is null on the last one."""

    count = fields.Integer(required=True)
    events = fields.List(fields.Nested(EventSchema), required=True)
    nextCursor = next_cursor()


class RefusedPostsSchema(ma.Schema):
    """The number of refused posts to a provider's webhook for one cause, with the first and last time."""

    provider_id = fields.String(required=True, data_key="providerId")
    provider_name = fields.String(required=True, data_key="providerName", metadata={"example": "Onfido"})
    cause = fields.String(required=True, validate=validate.OneOf(REFUSALS), metadata={"example": "wrong_signature"})
    number = fields.Integer(required=True, metadata={"example": 3})
    first_at = Moment(required=True, data_key="firstAt")
    last_at = Moment(required=True, data_key="lastAt")


class RefusedPageSchema(ma.Schema):
    """The refused posts by provider and cause, at most one row for each, the latest first."""

    count = fields.Integer(required=True)
    refused = fields.List(fields.Nested(RefusedPostsSchema), required=True)


class RefusedQuerySchema(ma.Schema):
    """The provider whose refused posts to list."""

    providerId = Id(load_default=None)


def event_filter(query: Mapping[str, Any]) -> EventFilter:
    """Read the filter of a query; raise `InvalidQuery` naming the invalid parameter."""
    since, before = read_period(query[FROM], query[TO])
    return EventFilter(
        provider_id=query["providerId"],
        run_id=query["runId"],
        state=query["state"],
        kind=query["kind"],
        verification_id=query["verificationId"],
        since=since,
        before=before,
    )


def events_body(page: Page[StoredEvent]) -> dict[str, Any]:
    """Write a page of events."""
    return page_members("events", page, event_body)


def event_body(event: StoredEvent) -> dict[str, Any]:
    """Write an event, without its body."""
    return {
        "id": event.event_id,
        "providerId": event.provider_id,
        "kind": event.kind,
        "runId": event.run_id,
        "verificationId": event.verification_id,
        "state": event.state,
        "receivedAt": timestamp(event.received_at),
        "happenedAt": timestamp(event.happened_at),
        "delaySeconds": None if (seconds := delay(event)) is None else round(seconds, 3),
        "hasBody": event.sealed_body is not None,
    }


def refused_body(refused: Sequence[RefusedPosts]) -> dict[str, Any]:
    """Return a body in the form of `RefusedPageSchema`."""
    return {"count": len(refused), "refused": refused}
