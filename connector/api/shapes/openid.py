"""The schemas of clients of the OpenID provider, and their only view, which the command line prints as well."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Id, Items, Text
from connector.api.shapes.studio import MAX_URL
from connector.domain.openid.clients import MAX_NAME, PROFILES, Client, ClientConfig
from connector.domain.providers.credentials import MASK
from connector.domain.utc import timestamp

MAX_CLAIM = 100  # characters of a claim's name


class ClientRequestSchema(ma.Schema):
    """A client: an identity provider, or an application, that sends people to be verified."""

    name = Text(limit=MAX_NAME, required=True, metadata={"example": "Example Workforce"})
    profile = fields.String(required=True, validate=validate.OneOf(PROFILES), metadata={"example": "okta"})
    idVProviderId = Id(required=True)
    redirectUris = Items(
        Text(limit=MAX_URL),
        required=True,
        metadata={"example": ["https://example.okta.com/idp/identity-verification/callback"]},
    )
    claims = Items(Text(limit=MAX_CLAIM), load_default=list)
    keys = Items(fields.Dict(keys=fields.String()), load_default=list)
    isEnabled = Flag(load_default=True)
    allowsSandbox = Flag(load_default=False)


class ClientSchema(ma.Schema):
    """A client; `secret` is masked, unless it was generated just now."""

    clientId = fields.String(required=True, metadata={"example": "1c9c8e1e-0000-4000-8000-000000000000"})
    secret = fields.String(required=True)
    name = fields.String(required=True)
    profile = fields.String(required=True)
    idVProviderId = fields.String(required=True)
    redirectUris = fields.List(fields.String(), required=True)
    claims = fields.List(fields.String(), required=True)
    keys = fields.List(fields.Dict(), required=True)
    authMethods = fields.List(fields.String(), required=True)
    isEnabled = fields.Boolean(required=True)
    allowsSandbox = fields.Boolean(required=True)
    previousSecretExpiresAt = fields.String(required=True, allow_none=True)
    createdAt = fields.String(required=True)
    updatedAt = fields.String(required=True)


class ClientListSchema(ma.Schema):
    """The clients of a tenant."""

    count = fields.Integer(required=True)
    clients = fields.List(fields.Nested(ClientSchema), required=True)


def client_config(body: dict[str, Any]) -> ClientConfig:
    """Read a client's configuration."""
    return ClientConfig(
        name=body["name"],
        profile=body["profile"],
        provider_id=body["idVProviderId"],
        redirect_uris=tuple(body["redirectUris"]),
        claims=tuple(body["claims"]),
        keys=tuple(body["keys"]),
        is_enabled=body["isEnabled"],
        allows_sandbox=body["allowsSandbox"],
    )


def client_body(client: Client, secret: str = MASK) -> dict[str, Any]:
    """Write a client; its secret is masked, unless it was generated just now."""
    config = client.config
    return {
        "clientId": client.client_id,
        "secret": secret,
        "name": config.name,
        "profile": config.profile,
        "idVProviderId": config.provider_id,
        "redirectUris": list(config.redirect_uris),
        "claims": list(config.claims),
        "keys": [dict(key) for key in config.keys],
        "authMethods": list(client.methods),
        "isEnabled": config.is_enabled,
        "allowsSandbox": config.allows_sandbox,
        "previousSecretExpiresAt": timestamp(client.previous_secret_expires_at),
        "createdAt": timestamp(client.created_at),
        "updatedAt": timestamp(client.updated_at),
    }
