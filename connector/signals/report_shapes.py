"""Streams as their administrators see them; the command line prints the same, without a web framework."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from connector.domain.signals import LEVEL_CHANGE, POLL, SignalChoice, StreamReport
from connector.domain.utc import timestamp
from connector.signals.shapes import status_body, stream_body


class StreamDeliverySchema(ma.Schema):
    """How a stream's events are delivered; the header is masked."""

    method = fields.String(required=True, metadata={"example": POLL})
    endpoint_url = fields.String(required=True)
    authorization_header = fields.String()


class StreamReportSchema(ma.Schema):
    """A stream and its deliveries; the framework's members have the framework's names."""

    stream_id = fields.String(required=True, metadata={"example": "5c1a7f0e-0f0a-4f5e-9d0a-1f6f3a0b7c11"})
    client = fields.String(required=True, metadata={"description": "the client that owns it, its receiver"})
    client_issuer = fields.String(required=True)
    iss = fields.String(required=True)
    aud = fields.String(required=True)
    delivery = fields.Nested(StreamDeliverySchema, required=True)
    status = fields.String(required=True, metadata={"example": "enabled"})
    reason = fields.String(metadata={"description": "why it is paused or disabled"})
    description = fields.String(required=True, allow_none=True)
    events_supported = fields.List(fields.String(), required=True)
    events_requested = fields.List(fields.String(), required=True, metadata={"example": [LEVEL_CHANGE]})
    events_delivered = fields.List(fields.String(), required=True)
    min_verification_interval = fields.Integer(required=True)
    default_subjects = fields.String(required=True, metadata={"example": "ALL"})
    subjects = fields.Integer(
        required=True, metadata={"description": "users whom the receiver has added or removed; 1000: that many or more"}
    )
    waiting = fields.Integer(required=True, metadata={"description": "events that its receiver has not taken yet"})
    delivered_at = fields.String(
        required=True, allow_none=True, metadata={"description": "when its receiver last accepted an event"}
    )
    failures = fields.Integer(
        required=True, metadata={"description": "failed attempts of the current push; 0 for a stream that is polled"}
    )
    last_failure = fields.String(required=True, allow_none=True)
    is_dead = fields.Boolean(
        required=True, metadata={"description": "whether the current push is dead; the next sweep queues another"}
    )
    created_at = fields.String(required=True)
    updated_at = fields.String(required=True)


class StreamListSchema(ma.Schema):
    """The streams of a tenant."""

    count = fields.Integer(required=True)
    streams = fields.List(fields.Nested(StreamReportSchema), required=True)


def reports_body(reports: list[StreamReport], choice: SignalChoice) -> dict[str, Any]:
    """Write the streams of a tenant."""
    return {"count": len(reports), "streams": [report_body(each, choice) for each in reports]}


def report_body(report: StreamReport, choice: SignalChoice) -> dict[str, Any]:
    """Write a stream with the state of its deliveries."""
    stream = report.stream
    return {
        **stream_body(stream, choice, stream.issuer),
        **status_body(stream),
        "client": stream.receiver.client_id,
        "client_issuer": stream.receiver.issuer,
        "description": stream.config.description,
        "default_subjects": stream.default_subjects,
        "subjects": report.subjects,
        "waiting": stream.waiting,
        "delivered_at": timestamp(report.delivered_at),
        "failures": report.failures,
        "last_failure": report.last_failure,
        "is_dead": report.is_dead,
        "created_at": timestamp(stream.created_at),
        "updated_at": timestamp(stream.updated_at),
    }
