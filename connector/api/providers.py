"""`/api/server/v1/idv-providers`: an administrator registers identity verification providers."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import current_app, g

from connector.api.errors import PROVIDER_ERRORS, refuse
from connector.api.filters import parse_filter
from connector.api.parsing import Blueprint
from connector.api.shapes.provider import (
    ProviderListSchema,
    ProviderQuerySchema,
    ProviderRequestSchema,
    ProviderSchema,
    SetupGuideSchema,
    guide_body,
    page_body,
    provider_body,
    provider_config,
)
from connector.domain.messages import message
from connector.domain.providers.provider import PROVIDER_TYPE, ProviderConfig
from connector.errors import Code, InvalidField, RequestError
from connector.services.providers.registry import Providers

PREFIX = "/api/server/v1/idv-providers"

blueprint = Blueprint(
    "providers", __name__, errors=PROVIDER_ERRORS, url_prefix=PREFIX, description="Identity verification providers"
)


@blueprint.get("")
@blueprint.requires("internal_idvp_view")
@blueprint.arguments(ProviderQuerySchema, location="query")
@blueprint.response(200, ProviderListSchema)
@blueprint.doc(operationId="getIdVProviders")
def list_providers(query: dict[str, Any]) -> dict[str, Any]:
    """List providers.

    `filter` joins terms with `and`, such as `name sw onfido and isEnabled eq true`; the operators are `eq`, `co`, `sw`
    and `ew`. The list is sorted by name; `startIndex` counts from 1.
    """
    conditions = parse_filter(query["filter"] or "")
    page, total = _providers().page(g.tenant, conditions=conditions, limit=query["limit"], offset=query["offset"])
    return page_body(page, total, offset=query["offset"])


@blueprint.post("")
@blueprint.requires("internal_idvp_add")
@blueprint.refuses(Code.PROVIDER_NAME_TAKEN)
@blueprint.arguments(ProviderRequestSchema)
@blueprint.response(201, ProviderSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.doc(operationId="addIdVProvider")
def add_provider(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Register a provider.

    Onfido is not called: test the provider afterwards, and register its webhook.
    """
    provider = _providers().add(g.tenant, read_config(body), g.principal.actor)
    return provider_body(provider), 201, {"Location": _url(PREFIX, provider.provider_id)}


@blueprint.get("/<provider_id>")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(200, ProviderSchema)
@blueprint.doc(operationId="getIdVProvider")
def get_provider(provider_id: str) -> dict[str, Any]:
    """Return one provider; its secrets are masked.

    A secret that is set is shown as `********`.
    """
    return provider_body(_providers().get(g.tenant, provider_id))


@blueprint.put("/<provider_id>")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND, Code.PROVIDER_NAME_TAKEN, Code.PROVIDER_TYPE_FIXED)
@blueprint.arguments(ProviderRequestSchema)
@blueprint.response(200, ProviderSchema, headers={"Location": {"schema": {"type": "string"}}})
@blueprint.doc(operationId="updateIdVProviders")
def change_provider(body: dict[str, Any], provider_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Replace a provider's configuration; a secret that is masked, left out or has no value is kept.

    Open verifications continue. A replaced webhook token stays valid for a limited time.
    """
    _providers().get(g.tenant, provider_id)
    if body["type"].upper() != PROVIDER_TYPE:
        raise RequestError(
            Code.PROVIDER_TYPE_FIXED, message("type: must stay %(provider_type)s.", provider_type=PROVIDER_TYPE)
        )
    provider = _providers().change(g.tenant, provider_id, read_config(body), g.principal.actor)
    return provider_body(provider), 200, {"Location": _url(PREFIX, provider_id)}


@blueprint.delete("/<provider_id>")
@blueprint.requires("internal_idvp_delete")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(204)
@blueprint.doc(operationId="deleteIdVProvider")
def remove_provider(provider_id: str) -> None:
    """Remove a provider with its verifications.

    They are gone at once, and its name can be used again; the worker deletes their rows afterwards. Its webhook and its
    users' applicants stay at Onfido: remove them first.
    """
    _providers().remove(g.tenant, provider_id, g.principal.actor)


@blueprint.delete("/<provider_id>/previous-webhook-token")
@blueprint.requires("internal_idvp_update")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(204)
def end_overlap(provider_id: str) -> None:
    """End the validity of the replaced webhook token.

    Use this if the token has leaked: otherwise it stays valid for the time in the settings.
    """
    _providers().end_overlap(g.tenant, provider_id, g.principal.actor)


@blueprint.get("/<provider_id>/setup-guide")
@blueprint.requires("internal_idvp_view")
@blueprint.refuses(Code.PROVIDER_NOT_FOUND)
@blueprint.response(200, SetupGuideSchema)
def get_setup_guide(provider_id: str) -> dict[str, Any]:
    """Return the values to enter in Onfido's dashboard for this provider.

    For setting up the webhook in the dashboard instead of through this API.
    """
    return guide_body(_providers().get(g.tenant, provider_id), current_app.config["PUBLIC_URL"])


def read_config(body: dict[str, Any]) -> ProviderConfig:
    """Read a provider's configuration from a request; raise `InvalidShape` or `InvalidField`."""
    if body["type"].upper() != PROVIDER_TYPE:
        raise InvalidField("type", message("must be %(provider_type)s", provider_type=PROVIDER_TYPE))
    try:
        return provider_config(body)
    except ma.ValidationError as error:
        refuse("json", error.messages)


def _url(*parts: str) -> str:
    return f"{current_app.config['PUBLIC_URL']}{g.tenant.path}{'/'.join(parts)}"


def _providers() -> Providers:
    providers: Providers = current_app.extensions["services"].providers
    return providers
