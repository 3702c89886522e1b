"""`/api/server/v1/deliveries`: deliveries to Onfido, to directories and to applications, and their results."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.shapes.delivery import (
    DeliveryPageSchema,
    DeliveryQuerySchema,
    KindCountQuerySchema,
    KindCountsSchema,
    ResendPreviewSchema,
    WholeDeliverySchema,
    deliveries_body,
    delivery_body,
    kind_counts_body,
    preview_body,
)
from connector.api.shapes.job import ResendRequestSchema
from connector.domain.deliveries import STATES, DeliveryFilter
from connector.domain.jobs import EVERYTHING
from connector.errors import Code
from connector.services.application.deliveries import Deliveries

blueprint = Blueprint(
    "deliveries", __name__, url_prefix="/api/server/v1/deliveries", errors=PROVIDER_ERRORS, description="Deliveries"
)


@blueprint.get("")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(DeliveryQuerySchema, location="query")
@blueprint.response(200, DeliveryPageSchema)
def list_deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """List deliveries of this tenant, the latest first.

    All given filters must match. Deliveries of a removed provider are found by its id. For the next page, send
    `nextCursor` as `cursor`.
    """
    criteria = DeliveryFilter(
        states=(query["state"],) if query["state"] else STATES,
        verification_id=query["verificationId"],
        endpoint_id=query["endpointId"],
        provider_id=query["providerId"],
        kind=query["kind"],
    )
    return deliveries_body(_deliveries().page(g.tenant, criteria, limit=query["limit"], cursor=query["cursor"]))


@blueprint.get("/counts")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(KindCountQuerySchema, location="query")
@blueprint.response(200, KindCountsSchema)
def count_deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """Count deliveries by kind and state.

    Those of this tenant, or of one provider; kinds without any are left out.
    """
    return kind_counts_body(_deliveries().count_by_kind(g.tenant, query["providerId"]))


@blueprint.get("/resend-preview")
@blueprint.requires("internal_idv_claim_view")
@blueprint.arguments(ResendRequestSchema, location="query")
@blueprint.response(200, ResendPreviewSchema)
def preview_resending(query: dict[str, Any]) -> dict[str, Any]:
    """Count deliveries that would be repeated.

    These are the deliveries that `POST /jobs/resend-deliveries` with the same parameters would repeat now; nothing is
    changed. With `which=everything` and `endpointId` they are also those that `POST /notice-endpoints/{id}/recover`
    sends again.
    """
    count = _deliveries().count_resent(
        g.tenant,
        query["since"],
        is_everything=query["which"] == EVERYTHING,
        endpoint_id=query["endpointId"],
        provider_id=query["providerId"],
        kind=query["kind"],
    )
    return preview_body(count)


@blueprint.get("/<delivery_id>")
@blueprint.requires("internal_idv_claim_view")
@blueprint.refuses(Code.DELIVERY_NOT_FOUND)
@blueprint.response(200, WholeDeliverySchema)
def get_delivery(delivery_id: str) -> dict[str, Any]:
    """Return one delivery with its attempts.

    If the receiver is an application, the start of its latest answer is included.
    """
    row = _deliveries().get(g.tenant, delivery_id)
    return delivery_body(row) | {"answer": _deliveries().answer(row)}


@blueprint.post("/<delivery_id>/retry")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.DELIVERY_NOT_FOUND)
@blueprint.response(204)
def retry_delivery(delivery_id: str) -> None:
    """Deliver again now, with the full number of attempts.

    This is possible for undelivered rows and for notices; a notice keeps its id.
    """
    _deliveries().retry(g.tenant, delivery_id, g.principal.actor)


@blueprint.delete("/<delivery_id>")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.DELIVERY_NOT_FOUND)
@blueprint.response(204)
def drop_delivery(delivery_id: str) -> None:
    """Drop a delivery: it is not attempted any more.

    A completed delivery is kept until its retention ends.
    """
    _deliveries().drop(g.tenant, delivery_id, g.principal.actor)


def _deliveries() -> Deliveries:
    deliveries: Deliveries = current_app.extensions["services"].deliveries
    return deliveries
