"""Requests of receivers about their streams (SSF 1.0, section 8.1), each bound to the token's tenant and client."""

from __future__ import annotations

from functools import partial
from typing import Any

import marshmallow as ma
from flask import Response, g, jsonify, request

from connector.access.gate import requires
from connector.api.fields import Id
from connector.api.middleware.shares import Lasting, lasts
from connector.domain.messages import message
from connector.domain.signals import Stream
from connector.errors import InvalidField
from connector.signals.shapes import (
    StatusSchema,
    StreamSchema,
    SubjectSchema,
    VerificationSchema,
    changed_config,
    check_unchanged,
    new_config,
    status_body,
    stream_body,
)
from connector.signals.views import MANAGE, READ, SignalBlueprint, issuer, read, receiver, streams

blueprint = SignalBlueprint("signals", __name__, url_prefix="/ssf")

_ID = Id(required=True)
counted = partial(lasts, Lasting.ONFIDO, is_callers_own=False)
_STREAM, _STATUS, _SUBJECT, _VERIFICATION = StreamSchema(), StatusSchema(), SubjectSchema(), VerificationSchema()


@blueprint.post("/streams")
@requires(MANAGE)
def create_stream() -> tuple[Response, int]:
    """Create a stream, enabled."""
    config = new_config(read(_STREAM))
    stream = streams().add(g.tenant, receiver(), issuer(), config, g.principal.actor)
    return jsonify(_body(stream)), 201


@blueprint.get("/streams")
@requires(READ, MANAGE)
def get_streams() -> Response:
    """Return the named stream, or all of the receiver's."""
    if "stream_id" in request.args:
        return jsonify(_body(streams().get(g.tenant, _named(), receiver())))
    return jsonify([_body(each) for each in streams().all(g.tenant, receiver())])


@blueprint.patch("/streams")
@requires(MANAGE)
def update_stream() -> Response:
    """Change the members of a stream that the body contains."""
    return _change(is_whole=False)


@blueprint.put("/streams")
@requires(MANAGE)
def replace_stream() -> Response:
    """Replace a stream's configuration."""
    return _change(is_whole=True)


@blueprint.delete("/streams")
@requires(MANAGE)
@counted  # it waits for an event that is being sent
def delete_stream() -> tuple[str, int]:
    """Remove a stream; nothing is delivered from it afterwards."""
    streams().remove(g.tenant, _named(), receiver(), g.principal.actor)
    return "", 204


@blueprint.get("/status")
@requires(READ, MANAGE)
def get_status() -> Response:
    """Return a stream's status."""
    return jsonify(status_body(streams().get(g.tenant, _named(), receiver())))


@blueprint.post("/status")
@requires(MANAGE)
def change_status() -> Response:
    """Enable, pause or disable a stream."""
    body = read(_STATUS)
    asked = (body["stream_id"], body["status"], body["reason"])
    return jsonify(status_body(streams().switch(g.tenant, *asked, receiver(), g.principal.actor)))


@blueprint.post("/subjects/add")
@requires(MANAGE)
def add_subject() -> tuple[str, int]:
    """Add a user to a stream."""
    return _name_subject(is_included=True), 200


@blueprint.post("/subjects/remove")
@requires(MANAGE)
def remove_subject() -> tuple[str, int]:
    """Remove a user from a stream."""
    return _name_subject(is_included=False), 204


@blueprint.post("/verification")
@requires(MANAGE)
def verify_stream() -> tuple[str, int]:
    """Send a verification event over a stream."""
    body = read(_VERIFICATION)
    streams().verify(g.tenant, body["stream_id"], body["state"], receiver())
    return "", 204


def _change(*, is_whole: bool) -> Response:
    body = read(_STREAM)
    if body["stream_id"] is None:
        raise InvalidField("stream_id", message("must be given: the id of one of your streams"))
    known = streams().get(g.tenant, body["stream_id"], receiver())
    check_unchanged(body, known, g.tenant.signals)
    config = new_config(body) if is_whole else changed_config(body, known.config)
    return jsonify(_body(streams().change(g.tenant, known.stream_id, receiver(), config, g.principal.actor)))


def _name_subject(*, is_included: bool) -> str:
    body = read(_SUBJECT)
    streams().name_subject(g.tenant, body["stream_id"], receiver(), body["subject"], is_included=is_included)
    return ""


def _named() -> str:
    """Return the stream that the query names."""
    try:
        stream_id: str = _ID.deserialize(request.args.get("stream_id"))
    except ma.ValidationError as error:
        raise InvalidField("stream_id", message("must be the id of a stream, in the query")) from error
    return stream_id


def _body(stream: Stream) -> dict[str, Any]:
    return stream_body(stream, g.tenant.signals, issuer())
