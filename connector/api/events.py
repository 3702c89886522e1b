"""`/api/server/v1/events`: what Onfido posted, what became of it, and which posts were refused."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.event_shapes import (
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
from connector.api.parsing import Blueprint
from connector.api.webhooks import EVENT
from connector.errors import Code
from connector.services.lookup.events import EventLookup

blueprint = Blueprint(
    "events", __name__, url_prefix="/api/server/v1/events", errors=PROVIDER_ERRORS, description="Events of Onfido's"
)


@blueprint.get("")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(EventQuerySchema, location="query")
@blueprint.response(200, EventPageSchema)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """List the events that Onfido posted, the latest first.

    Every filter that is given has to match. For the next page, send `nextCursor` as `cursor`. Posts that were refused
    are not among them: they are counted.
    """
    return events_body(_lookup().page(g.tenant, event_filter(query), limit=query["limit"], cursor=query["cursor"]))


@blueprint.get("/refused")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(RefusedQuerySchema, location="query")
@blueprint.response(200, RefusedPageSchema)
def list_refused_posts(query: dict[str, Any]) -> dict[str, Any]:
    """Report how many posts were refused, by provider and cause, and when first and last.

    Anyone can post to a webhook's address: the posts are counted in memory, and written once a minute.
    """
    return refused_body(_lookup().refused(g.tenant, query["providerId"]))


@blueprint.get("/<event_id>")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.EVENT_NOT_FOUND)
@blueprint.response(200, EventSchema)
def get_event(event_id: str) -> dict[str, Any]:
    """Return one event.

    Its body, which is personal, has a path of its own.
    """
    return event_body(_lookup().get(g.tenant, event_id))


@blueprint.get("/<event_id>/body")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.EVENT_NOT_FOUND, Code.EVENT_BODY_GONE)
@blueprint.response(200, {"type": "object"}, example=EVENT)
def get_event_body(event_id: str) -> Response:
    """Return an event's body as Onfido posted it, while it is kept.

    It is personal: that it was read is in the audit trail.
    """
    return Response(_lookup().body(g.tenant, event_id, g.principal.actor), mimetype="application/json")


@blueprint.post("/<event_id>/replay")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.EVENT_NOT_FOUND, Code.EVENT_BODY_GONE)
@blueprint.response(200, EventSchema)
def replay_event(event_id: str) -> dict[str, Any]:
    """Apply an event again, for one that is parked; return it as it is then.

    This does nothing if it was applied meanwhile.
    """
    lookup = _lookup()
    lookup.replay(g.tenant, event_id, g.principal.actor)
    return event_body(lookup.get(g.tenant, event_id))


def _lookup() -> EventLookup:
    lookup: EventLookup = current_app.extensions["services"].event_lookup
    return lookup
