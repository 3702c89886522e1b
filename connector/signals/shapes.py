"""The schemas of receivers' requests and answers, with the framework's names; sizes are checked before contents."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Id, Items, Text
from connector.domain.messages import message
from connector.domain.providers.credentials import MASK
from connector.domain.signals import (
    MAX_EVENTS,
    MAX_HEADER,
    MAX_TEXT,
    MAX_URL,
    METHODS,
    PUSH,
    STATUSES,
    VERIFICATION_INTERVAL,
    SignalChoice,
    Stream,
    StreamConfig,
)
from connector.errors import InvalidField

MOST_SETTLED = 500  # events that one poll confirms or refuses
LEFT_OUT = object()


class DeliverySchema(ma.Schema):
    """How events are delivered; if they are polled, the transmitter sets the URL."""

    method = fields.String(required=True, validate=validate.OneOf(METHODS))
    endpoint_url = Text(limit=MAX_URL, load_default=None, allow_none=True)
    authorization_header = Text(limit=MAX_HEADER, load_default=None, allow_none=True)


class StreamSchema(ma.Schema):
    """A stream: the receiver's part, and the transmitter's part, which may be sent back only unchanged."""

    stream_id = Id(load_default=None)
    delivery = fields.Nested(DeliverySchema(unknown=ma.EXCLUDE), allow_none=True)
    events_requested = Items(Text(), most=MAX_EVENTS, allow_none=True)
    description = Text(limit=MAX_TEXT, allow_none=True)
    iss = fields.Raw(allow_none=True)
    aud = fields.Raw(allow_none=True)
    events_supported = fields.Raw(allow_none=True)
    events_delivered = fields.Raw(allow_none=True)
    min_verification_interval = fields.Raw(allow_none=True)


class StatusSchema(ma.Schema):
    """A new status of a stream."""

    stream_id = Id(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    reason = Text(limit=MAX_TEXT, load_default=None, allow_none=True)


class SubjectSchema(ma.Schema):
    """A subject of a stream."""

    stream_id = Id(required=True)
    subject = fields.Dict(keys=Text(), required=True)


class VerificationSchema(ma.Schema):
    """A request to send a verification event."""

    stream_id = Id(required=True)
    state = Text(limit=MAX_TEXT, load_default=None, allow_none=True)


class ErrorSchema(ma.Schema):
    """Why a receiver cannot use an event."""

    err = Text(required=True)


class Errors(fields.Dict):
    """Refusals by event; their number is checked before their contents."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        if isinstance(value, dict) and len(value) > MOST_SETTLED:
            raise ma.ValidationError(f"must have at most {MOST_SETTLED} members")
        return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]  # marshmallow's


class PollSchema(ma.Schema):
    """A poll (RFC 8936)."""

    max_events = fields.Integer(
        data_key="maxEvents", strict=True, load_default=None, allow_none=True, validate=validate.Range(min=0)
    )
    returns_at_once = Flag(data_key="returnImmediately", load_default=False)
    ack = Items(Text(), most=MOST_SETTLED, load_default=list)
    refused = Errors(
        data_key="setErrs", keys=Text(), values=fields.Nested(ErrorSchema(unknown=ma.EXCLUDE)), load_default=dict
    )


def new_config(body: dict[str, Any]) -> StreamConfig:
    """Read the receiver's part of a new stream, with the framework's defaults: polled, without description."""
    return _config(body, StreamConfig())


def changed_config(body: dict[str, Any], known: StreamConfig) -> StreamConfig:
    """Read the changes of a configuration; missing members are unchanged."""
    header = None if known.authorization_header is None else MASK
    kept = StreamConfig(known.method, known.endpoint_url, header, known.events_requested, known.description)
    return _config(body, kept)


def check_unchanged(body: dict[str, Any], stream: Stream, choice: SignalChoice) -> None:
    """Raise `InvalidField` if a receiver has changed a value of the transmitter's part."""
    expected = stream_body(stream, choice, "")
    for name in ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval"):
        if body.get(name, expected[name]) != expected[name]:
            raise InvalidField(name, message("must be the transmitter's value, or left out"))


def stream_body(stream: Stream, choice: SignalChoice, base: str) -> dict[str, Any]:
    """Write a stream; its header is masked."""
    body = {
        "stream_id": stream.stream_id,
        "iss": stream.issuer,
        "aud": stream.receiver.client_id,
        "delivery": _delivery(stream, base),
        "events_supported": list(choice.events),
        "events_requested": list(stream.config.events_requested),
        "events_delivered": stream.delivered(choice),
        "min_verification_interval": VERIFICATION_INTERVAL,
    }
    description = stream.config.description
    return body if description is None else body | {"description": description}


def status_body(stream: Stream) -> dict[str, Any]:
    """Write a stream's status."""
    body = {"stream_id": stream.stream_id, "status": stream.status}
    return body if stream.reason is None else body | {"reason": stream.reason}


def _delivery(stream: Stream, base: str) -> dict[str, Any]:
    config = stream.config
    if not stream.is_push:
        return {"method": config.method, "endpoint_url": f"{base}/ssf/poll/{stream.stream_id}"}
    delivery = {"method": config.method, "endpoint_url": config.endpoint_url}
    return delivery if config.authorization_header is None else delivery | {"authorization_header": MASK}


def _config(body: dict[str, Any], known: StreamConfig) -> StreamConfig:
    method, url, header = known.method, known.endpoint_url, known.authorization_header
    if (delivery := body.get("delivery", LEFT_OUT)) is None:
        raise InvalidField("delivery", message("must be an object, or left out"))
    if isinstance(delivery, dict):
        method, header = delivery["method"], delivery["authorization_header"]
        url = delivery["endpoint_url"] if method == PUSH else None
    requested = tuple(dict.fromkeys(body.get("events_requested", known.events_requested) or ()))
    return StreamConfig(method, url, header, requested, body.get("description", known.description))
