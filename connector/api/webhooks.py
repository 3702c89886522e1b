"""`/idv/onfido/v1/{idvp-id}/verify`: Onfido posts events.

No OAuth: Onfido signs the raw body with the webhook's token, and the signature is checked before the body is parsed.
"""

from __future__ import annotations

from flask import Response, current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from connector.api.errors import WEBHOOK_ERRORS
from connector.api.parsing import Blueprint, read_body
from connector.domain.messages import message
from connector.errors import Code, RequestError
from connector.services.results.posts import Posts

SIGNATURE_HEADER = "X-SHA2-Signature"
EVENT = {
    "payload": {
        "resource_type": "workflow_run",
        "action": "workflow_run.completed",
        "object": {"id": "c7ff64b6-e9ab-4b07-a4d0-c3c68a264804", "status": "approved"},
    }
}

blueprint = Blueprint(
    "webhooks", __name__, errors=WEBHOOK_ERRORS, url_prefix="/idv/onfido/v1", description="Webhooks from Onfido"
)


@blueprint.post("/<provider_id>/verify")
@blueprint.refuses(
    *(Code.WEBHOOK_PROVIDER_UNKNOWN, Code.WEBHOOK_SIGNATURE_WRONG, Code.WEBHOOK_UNREADABLE, Code.WEBHOOK_TOO_LARGE)
)
@blueprint.doc(
    security=[],
    parameters=[{"name": SIGNATURE_HEADER, "in": "header", "required": True, "schema": {"type": "string"}}],
    requestBody={"required": True, "content": {"application/json": {"schema": {"type": "object"}, "example": EVENT}}},
)
@blueprint.response(200, description="Durable: applied, or stored to be applied")
def receive_event(provider_id: str) -> Response:
    """Receive one event.

    Onfido posts here, and signs the raw body with the webhook's token.
    """
    signatures = request.headers.getlist(SIGNATURE_HEADER)
    signature = signatures[0] if len(signatures) == 1 else None
    posts: Posts = current_app.extensions["services"].posts
    posts.receive(g.tenant, provider_id, _body(posts, provider_id), signature)
    return Response(status=200)


def _body(posts: Posts, provider_id: str) -> bytes:
    limit: int = current_app.config["MAX_BODY_BYTES"]
    try:
        return read_body(limit)
    except RequestEntityTooLarge as error:
        posts.refuse_too_large(g.tenant, provider_id)
        raise RequestError(
            Code.WEBHOOK_TOO_LARGE,
            message("The body must have at most %(limit)s bytes, as events of Onfido's do.", limit=limit),
        ) from error
