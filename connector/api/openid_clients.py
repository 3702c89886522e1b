"""`/api/server/v1/openid-clients`: the clients of the OpenID provider."""

from __future__ import annotations

from typing import Any

from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS
from connector.api.parsing import Blueprint
from connector.api.shapes.openid import ClientListSchema, ClientRequestSchema, ClientSchema, client_body, client_config
from connector.errors import Code
from connector.services.openid.clients import Clients

PREFIX = "/api/server/v1/openid-clients"

blueprint = Blueprint(
    "openid_clients", __name__, url_prefix=PREFIX, errors=PROVIDER_ERRORS, description="Clients of the OpenID provider"
)


@blueprint.get("")
@blueprint.requires("internal_idvp_view")
@blueprint.response(200, ClientListSchema)
def list_clients() -> dict[str, Any]:
    """List the clients of this tenant, the oldest first.

    Their secrets are masked.
    """
    listed = [client_body(each) for each in _clients().all(g.tenant)]
    return {"count": len(listed), "clients": listed}


@blueprint.post("")
@blueprint.requires("internal_idvp_add")
@blueprint.refuses(Code.PROVIDER_INVALID)
@blueprint.arguments(ClientRequestSchema)
@blueprint.response(201, ClientSchema)
def add_client(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Register a client.

    The answer has its secret, which is not shown again. With `keys`, its public keys as JWKs, it authenticates by
    signed assertions (`private_key_jwt`) instead. While its provider uses Onfido's sandbox, its requests are refused
    unless it has `allowsSandbox`.
    """
    client, secret = _clients().add(g.tenant, client_config(body), g.principal.actor)
    return client_body(client, secret), 201


@blueprint.get("/<client_id>")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.OPENID_CLIENT_NOT_FOUND)
@blueprint.response(200, ClientSchema)
def get_client(client_id: str) -> dict[str, Any]:
    """Return one client.

    The id is its `clientId`.
    """
    return client_body(_clients().get(g.tenant, client_id))


@blueprint.put("/<client_id>")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.OPENID_CLIENT_NOT_FOUND)
@blueprint.arguments(ClientRequestSchema)
@blueprint.response(200, ClientSchema)
def change_client(body: dict[str, Any], client_id: str) -> dict[str, Any]:
    """Replace a client's configuration; its secret is kept.

    Requests in progress are not interrupted.
    """
    return client_body(_clients().change(g.tenant, client_id, client_config(body), g.principal.actor))


@blueprint.delete("/<client_id>")
@blueprint.requires("internal_idvp_delete")
@blueprint.refuses(Code.OPENID_CLIENT_NOT_FOUND)
@blueprint.response(204)
def remove_client(client_id: str) -> None:
    """Remove a client with its requests.

    Users in the middle of a request are not sent back.
    """
    _clients().remove(g.tenant, client_id, g.principal.actor)


@blueprint.post("/<client_id>/rotate-secret")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.OPENID_CLIENT_NOT_FOUND)
@blueprint.response(200, ClientSchema)
def rotate_client_secret(client_id: str) -> dict[str, Any]:
    """Replace a client's secret.

    The answer has it; it is not shown again. The previous one stays valid for `openid_secret_overlap`.
    """
    return client_body(*_clients().rotate_secret(g.tenant, client_id, g.principal.actor))


def _clients() -> Clients:
    clients: Clients = current_app.extensions["services"].openid_clients
    return clients
