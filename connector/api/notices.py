"""`/api/server/v1/notice-endpoints`: the endpoints of applications, and their events."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.middleware.shares import Lasting
from connector.api.parsing import Blueprint
from connector.api.shapes.notice import (
    EndpointListSchema,
    EndpointQuerySchema,
    EndpointRequestSchema,
    EndpointSchema,
    NewEndpointSchema,
    RatedEndpointSchema,
    SecretSchema,
    SinceSchema,
    TestedSchema,
    endpoint_body,
    endpoint_config,
    rate_body,
    tested_body,
)
from connector.errors import Code
from connector.services.application.endpoints import Endpoints

PREFIX = "/api/server/v1/notice-endpoints"

blueprint = Blueprint(
    "notices", __name__, url_prefix=PREFIX, errors=PROVIDER_ERRORS, description="Notice endpoints of applications"
)


@blueprint.get("")
@blueprint.requires("internal_idvp_view")
@blueprint.arguments(EndpointQuerySchema, location="query")
@blueprint.response(200, EndpointListSchema)
def list_endpoints(query: dict[str, Any]) -> dict[str, Any]:
    """List the endpoints of this tenant, the oldest first.

    With `providerId` only those that get this provider's events. Secrets are masked.
    """
    listed = [endpoint_body(each) for each in _endpoints().all(g.tenant, query["providerId"])]
    return {"count": len(listed), "endpoints": listed}


@blueprint.post("")
@blueprint.requires("internal_idvp_add")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(NewEndpointSchema)
@blueprint.response(201, EndpointSchema)
def add_endpoint(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Register an endpoint.

    The answer has its secret, which is not shown again. If it chooses events of tasks or matches, register the
    providers' webhooks again, so that Onfido sends these events.
    """
    endpoint, secret = _endpoints().add(g.tenant, endpoint_config(body), body["secret"], g.principal.actor)
    return endpoint_body(endpoint, secret), 201


@blueprint.get("/<endpoint_id>")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.ENDPOINT_NOT_FOUND)
@blueprint.response(200, RatedEndpointSchema)
def get_endpoint(endpoint_id: str) -> dict[str, Any]:
    """Return one endpoint.

    `rate` covers its latest 1000 deliveries, which `/api/server/v1/deliveries?endpointId=…` lists with their attempts.
    """
    endpoint = _endpoints().get(g.tenant, endpoint_id)
    return endpoint_body(endpoint) | {"rate": rate_body(_endpoints().rate(endpoint))}


@blueprint.put("/<endpoint_id>")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.ENDPOINT_NOT_FOUND, Code.PROVIDER_NOT_FOUND)
@blueprint.arguments(EndpointRequestSchema)
@blueprint.response(200, EndpointSchema)
def change_endpoint(body: dict[str, Any], endpoint_id: str) -> dict[str, Any]:
    """Replace an endpoint's configuration; its secret is kept.

    A disabled endpoint is enabled with `isEnabled`.
    """
    return endpoint_body(_endpoints().change(g.tenant, endpoint_id, endpoint_config(body), g.principal.actor))


@blueprint.delete("/<endpoint_id>")
@blueprint.requires("internal_idvp_delete", lasting=Lasting.ONFIDO)  # it waits for a notice that is being sent
@blueprint.refuses(Code.ENDPOINT_NOT_FOUND, Code.PROVIDER_INVALID)
@blueprint.response(204)
def remove_endpoint(endpoint_id: str) -> None:
    """Remove an endpoint with its queued notices.

    After the answer, nothing is sent to it.
    """
    _endpoints().remove(g.tenant, endpoint_id, g.principal.actor)


@blueprint.post("/<endpoint_id>/rotate-secret")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.ENDPOINT_NOT_FOUND)
@blueprint.arguments(SecretSchema)
@blueprint.response(200, EndpointSchema)
def rotate_secret(body: dict[str, Any], endpoint_id: str) -> dict[str, Any]:
    """Replace an endpoint's secret.

    The answer has it; it is not shown again. Until the overlap ends, notices are signed with both.
    """
    endpoint, secret = _endpoints().rotate_secret(g.tenant, endpoint_id, body["secret"], g.principal.actor)
    return endpoint_body(endpoint, secret)


@blueprint.post("/<endpoint_id>/test")
@blueprint.requires("internal_idvp_update", lasting=Lasting.ONFIDO)
@blueprint.refuses(Code.ENDPOINT_NOT_FOUND, Code.PROVIDER_INVALID)
@blueprint.response(200, TestedSchema)
def test_endpoint(endpoint_id: str) -> dict[str, Any]:
    """Send a notice of the type `test` now, and return the answer.

    It is sent once, also to a disabled endpoint.
    """
    return tested_body(*_endpoints().test(g.tenant, endpoint_id, g.principal.actor))


@blueprint.post("/<endpoint_id>/recover")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.ENDPOINT_NOT_FOUND)
@blueprint.arguments(SinceSchema)
@blueprint.response(202)
def recover_notices(body: dict[str, Any], endpoint_id: str) -> None:
    """Send all notices since a time again, with their original ids.

    The worker queues them; all stored notices can be sent again.
    """
    _endpoints().recover(g.tenant, endpoint_id, body["since"], g.principal.actor)


def _endpoints() -> Endpoints:
    endpoints: Endpoints = current_app.extensions["services"].endpoints
    return endpoints
