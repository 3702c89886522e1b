"""`/ssf/poll/{stream}`: a receiver confirms events, and fetches others (RFC 8936)."""

from __future__ import annotations

from flask import Response, current_app, g, jsonify

from connector.access.gate import requires
from connector.services.signals.polling import MOST_EVENTS, Polling, PollRequest
from connector.signals.shapes import PollSchema
from connector.signals.views import MANAGE, READ, SignalBlueprint, read, receiver

blueprint = SignalBlueprint("signal_polling", __name__, url_prefix="/ssf")

_POLL = PollSchema()


@blueprint.post("/poll/<stream_id>")
@requires(READ, MANAGE)
def poll(stream_id: str) -> Response:
    """Delete confirmed events, and return the tokens of others."""
    body = read(_POLL)
    asked = PollRequest(
        most=MOST_EVENTS if body["max_events"] is None else body["max_events"],
        returns_at_once=body["returns_at_once"],
        confirmed=body["ack"],
        refused={event_id: each["err"] for event_id, each in body["refused"].items()},
    )
    polling: Polling = current_app.extensions["services"].signal_polling
    answer = polling.poll(g.tenant, stream_id, receiver(), asked)
    return jsonify(sets=answer.tokens, moreAvailable=answer.has_more)
