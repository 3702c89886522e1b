"""`/api/server/v1/events`: events from Onfido, their state, and refused posts."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.shapes.event import (
    EventPageSchema,
    EventQuerySchema,
    EventSchema,
    RefusedPageSchema,
    RefusedQuerySchema,
    event_body,
    event_filter,
    events_body,
    refused_body,
)
from connector.api.webhooks import EVENT
from connector.errors import Code
from connector.services.lookup.events import EventLookup

blueprint = Blueprint(
    "events", __name__, url_prefix="/api/server/v1/events", errors=PROVIDER_ERRORS, description="Events from Onfido"
)


@blueprint.get("")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(EventQuerySchema, location="query")
@blueprint.response(200, EventPageSchema)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """List the events that Onfido posted, the latest first.

    All given filters must match. For the next page, send `nextCursor` as `cursor`. Refused posts are not included, but
    counted.
    """
    return events_body(_lookup().page(g.tenant, event_filter(query), limit=query["limit"], cursor=query["cursor"]))


@blueprint.get("/refused")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(RefusedQuerySchema, location="query")
@blueprint.response(200, RefusedPageSchema)
def list_refused_posts(query: dict[str, Any]) -> dict[str, Any]:
    """Report the number of refused posts, by provider and cause, with the first and last time.

    Anyone can post to a webhook's address, so the posts are counted in memory, and written once a minute.
    """
    return refused_body(_lookup().refused(g.tenant, query["providerId"]))


@blueprint.get("/<event_id>")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.EVENT_NOT_FOUND)
@blueprint.response(200, EventSchema)
def get_event(event_id: str) -> dict[str, Any]:
    """Return one event.

    Its body, which is personal, has a separate path.
    """
    return event_body(_lookup().get(g.tenant, event_id))


@blueprint.get("/<event_id>/body")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.EVENT_NOT_FOUND, Code.EVENT_BODY_GONE)
@blueprint.response(200, {"type": "object"}, example=EVENT)
def get_event_body(event_id: str) -> Response:
    """Return an event's body as Onfido posted it, while it is kept.

    It is personal, so reading it is recorded in the audit trail.
    """
    return Response(_lookup().body(g.tenant, event_id, g.principal.actor), mimetype="application/json")


@blueprint.post("/<event_id>/replay")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.EVENT_NOT_FOUND, Code.EVENT_BODY_GONE)
@blueprint.response(200, EventSchema)
def replay_event(event_id: str) -> dict[str, Any]:
    """Apply a parked event again; return its new state.

    This does nothing if it was applied meanwhile.
    """
    lookup = _lookup()
    lookup.replay(g.tenant, event_id, g.principal.actor)
    return event_body(lookup.get(g.tenant, event_id))


def _lookup() -> EventLookup:
    lookup: EventLookup = current_app.extensions["services"].event_lookup
    return lookup
