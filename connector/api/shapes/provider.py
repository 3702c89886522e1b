"""The schemas of a provider, for requests, and for the answers of the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import marshmallow as ma
from marshmallow import fields, validate

from connector.api.fields import Flag, Items, Limit, Name, Text, WholeNumber
from connector.api.properties import by_key, is_number
from connector.api.shapes.studio import StudioSchema, read_studio, studio_body
from connector.domain.providers.credentials import MASK
from connector.domain.providers.provider import (
    DEFAULT_ATTEMPT_WINDOW,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_ATTEMPTS,
    PROVIDER_TYPE,
    SECRETS,
    Provider,
    ProviderConfig,
    setup_guide,
)
from connector.domain.studio.studio import Studio
from connector.domain.utc import timestamp

if TYPE_CHECKING:  # the command line prints these shapes, and loads the use cases only when it opens them
    from connector.services.providers.setup import ProviderFacts

_PROPERTIES = {
    *SECRETS.values(),
    *("client_id", "workflow_id", "base_url", "max_attempts", "attempt_window", "missing_name", "accent_color"),
}
READ_ONLY = "previous_webhook_token_expires_at"  # of the configuration properties; ignored in a request


class ClaimMappingSchema(ma.Schema):
    """One entry of a provider's claim mapping."""

    localClaim = Name(required=True, metadata={"example": "http://wso2.org/claims/givenname"})
    idvpClaim = Text(required=True, metadata={"example": "first_name"})


class ConfigPropertySchema(ma.Schema):
    """One configuration property; in an answer the `value` of a secret is a mask, which a PUT may send back."""

    key = Text(required=True, metadata={"example": "workflow_id"})
    value = Text(limit=2048, allow_none=True, load_default=None)
    isSecret = Flag(load_default=False, allow_none=True)


class ProviderRequestSchema(ma.Schema):
    """A provider as an administrator sends it."""

    type = Text(required=True, metadata={"example": PROVIDER_TYPE})
    name = Text(required=True, metadata={"example": "Onfido"})
    description = Text(limit=2048, load_default="", allow_none=True)
    image = Text(limit=2048, load_default="", allow_none=True)
    isEnabled = Flag(required=True)
    claims = Items(fields.Nested(ClaimMappingSchema), load_default=list)
    configProperties = Items(fields.Nested(ConfigPropertySchema), most=20, load_default=list)
    studio = fields.Nested(StudioSchema, load_default=None, allow_none=True)


class ProviderSchema(ma.Schema):
    """A provider in an answer."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    image = fields.String(required=True)
    isEnabled = Flag(required=True)
    claims = fields.List(fields.Nested(ClaimMappingSchema), required=True)
    configProperties = fields.List(fields.Nested(ConfigPropertySchema), required=True)
    studio = fields.Nested(StudioSchema)


class ProviderQuerySchema(ma.Schema):
    """Filter and page of the list of providers."""

    limit = Limit(maximum=1000, load_default=25)
    offset = WholeNumber(load_default=0, validate=validate.Range(min=0, max=2**31 - 1))
    filter = Text(limit=1024, load_default=None, metadata={"example": "name sw onfido and isEnabled eq true"})


class ProviderListSchema(ma.Schema):
    """A page of providers; `startIndex` counts from 1."""

    totalResults = fields.Integer(required=True)
    startIndex = fields.Integer(required=True)
    count = fields.Integer(required=True)
    identityVerificationProviders = fields.List(fields.Nested(ProviderSchema), required=True)


class SetupGuideSchema(ma.Schema):
    """The values to enter in Onfido's dashboard, and the missing configuration."""

    providerId = fields.String(required=True)
    webhookUrl = fields.String(
        required=True,
        metadata={"example": "https://idv.example.com/idv/onfido/v1/2a09dbb9-4b70-44b6-a02c-eab2c95fa971/verify"},
    )
    events = fields.List(fields.String(), required=True)
    hasWebhookToken = Flag(required=True)
    steps = fields.List(fields.String(), required=True)


def provider_config(body: Mapping[str, Any]) -> ProviderConfig:
    """Read a loaded `ProviderRequestSchema`; raises `ma.ValidationError` for unknown properties."""
    properties = _properties(body["configProperties"])
    if unknown := sorted(set(properties) - _PROPERTIES):
        raise ma.ValidationError(
            {"configProperties": [f"must be of {', '.join(sorted(_PROPERTIES))}, not {', '.join(unknown)}"]}
        )
    claims = body["claims"]
    if len({claim["localClaim"] for claim in claims}) < len(claims):
        raise ma.ValidationError({"claims": ["must map no local claim twice"]})
    return ProviderConfig(
        name=body["name"],
        description=body["description"] or "",
        image=body["image"] or "",
        is_enabled=body["isEnabled"],
        claims={claim["localClaim"]: claim["idvpClaim"] for claim in claims},
        workflow_id=properties.get("workflow_id", ""),
        base_url=properties.get("base_url", DEFAULT_BASE_URL),
        max_attempts=_number(properties, "max_attempts", DEFAULT_MAX_ATTEMPTS),
        attempt_window=_number(properties, "attempt_window", DEFAULT_ATTEMPT_WINDOW),
        missing_name=properties.get("missing_name"),
        accent_color=properties.get("accent_color"),
        api_token=properties.get("token"),
        client_id=properties.get("client_id"),
        client_secret=properties.get("client_secret"),
        webhook_token=properties.get("webhook_token"),
        notice_secret=properties.get("notice_secret"),
        studio=None if body["studio"] is None else read_studio(body["studio"]),
    )


def facts_body(facts: ProviderFacts) -> dict[str, Any]:
    """Write the known facts about a provider's credentials and Onfido's events, for the command line."""
    return {
        "environment": facts.environment,
        "ignoredSandboxResults": facts.ignored_sandbox_results,
        "credentialsSetAt": timestamp(facts.credentials_set_at),
        "lastEventAt": timestamp(facts.last_event_at),
    }


def page_body(page: Sequence[Provider], total: int, *, offset: int = 0) -> dict[str, Any]:
    """Write a page of providers."""
    return {
        "totalResults": total,
        "startIndex": offset + 1,
        "count": len(page),
        "identityVerificationProviders": [provider_body(provider) for provider in page],
    }


def provider_body(provider: Provider) -> dict[str, Any]:
    """Write a provider; its secrets are masked, and without Studio features it has WSO2's format."""
    kept = {"webhook_token": provider.has_webhook_token, "notice_secret": provider.has_notice_secret}
    is_client = provider.client_id is not None
    secrets = ["client_secret" if is_client else "token", *(name for name, is_kept in kept.items() if is_kept)]
    plain = {"client_id": provider.client_id} if is_client else {}
    plain |= {
        "workflow_id": provider.workflow_id,
        "base_url": provider.base_url,
        "max_attempts": str(provider.max_attempts),
        "attempt_window": str(provider.attempt_window),
    }
    if provider.missing_name is not None:
        plain["missing_name"] = provider.missing_name
    if provider.accent_color is not None:
        plain["accent_color"] = provider.accent_color
    if provider.previous_webhook_token_expires_at is not None:
        plain[READ_ONLY] = timestamp(provider.previous_webhook_token_expires_at) or ""
    return {
        "id": provider.provider_id,
        "type": PROVIDER_TYPE,
        "name": provider.name,
        "description": provider.description,
        "image": provider.image,
        "isEnabled": provider.is_enabled,
        "claims": [{"localClaim": uri, "idvpClaim": name} for uri, name in provider.claims.items()],
        "configProperties": [
            *({"key": key, "value": MASK, "isSecret": True} for key in secrets),
            *({"key": key, "value": value, "isSecret": False} for key, value in plain.items()),
        ],
    } | ({} if provider.studio == Studio() else {"studio": studio_body(provider.studio)})


def guide_body(provider: Provider, public_url: str) -> dict[str, Any]:
    """Return the values to enter in Onfido's dashboard for a provider."""
    guide = setup_guide(provider, public_url)
    return {
        "providerId": provider.provider_id,
        "webhookUrl": guide.webhook_url,
        "events": list(provider.events),
        "hasWebhookToken": provider.has_webhook_token,
        "steps": list(guide.steps),
    }


def _number(properties: Mapping[str, str], key: str, default: int) -> int:
    text = properties.get(key, str(default))
    if not is_number(text):
        raise ma.ValidationError({"configProperties": [f"{key}: must be a whole number"]})
    return int(text)


def _properties(items: list[dict[str, Any]]) -> dict[str, str]:
    """Read configuration properties; one without a value, or a blank one, counts as left out."""
    properties = {key: value.strip() for key, value in by_key(items, "configProperties").items()}
    return {key: value for key, value in properties.items() if value and key != READ_ONLY}
