"""From the wire's shapes to the values that services take, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import marshmallow as ma

from connector.api.schemas import SDK_TOKEN
from connector.domain.claims import Claim
from connector.domain.history import Change
from connector.domain.provider import (
    DEFAULT_ATTEMPT_WINDOW,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_ATTEMPTS,
    PROVIDER_TYPE,
    Provider,
    ProviderConfig,
)
from connector.domain.verification import Verification
from connector.services.claims import ClaimEntry

_PROPERTIES = {"token", "workflow_id", "base_url", "webhook_token", "max_attempts", "attempt_window"}
READ_ONLY = "previous_webhook_token_expires_at"  # of the configuration properties; ignored in a request
MAX_DIGITS = 9


def provider_config(body: Mapping[str, Any]) -> ProviderConfig:
    """Read a loaded `ProviderRequestSchema`; raises `ma.ValidationError` for properties nobody knows."""
    properties = _properties(body["configProperties"])
    if unknown := sorted(set(properties) - _PROPERTIES):
        raise ma.ValidationError({"configProperties": [f"Unknown: {', '.join(unknown)}."]})
    claims = body["claims"]
    if len({claim["localClaim"] for claim in claims}) < len(claims):
        raise ma.ValidationError({"claims": ["A local claim is mapped twice."]})
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
        api_token=properties.get("token"),
        webhook_token=properties.get("webhook_token"),
    )


def provider_body(provider: Provider) -> dict[str, Any]:
    """Write a provider; secrets come back without their values."""
    secrets = ["token"] + ["webhook_token"] * provider.has_webhook_token
    plain = {
        "workflow_id": provider.workflow_id,
        "base_url": provider.base_url,
        "max_attempts": str(provider.max_attempts),
        "attempt_window": str(provider.attempt_window),
    }
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
            *({"key": key, "isSecret": True} for key in secrets),
            *({"key": key, "value": value, "isSecret": False} for key, value in plain.items()),
        ],
    }


def status_property(body: Mapping[str, Any]) -> str | None:
    """Give the `status` of a loaded `VerifyRequestSchema`, in capitals; None where it is missing."""
    value = {item["key"]: item["value"] for item in body["properties"]}.get("status")
    return value.strip().upper() if value else None


def claim_entry(body: Mapping[str, Any]) -> ClaimEntry:
    """Read a loaded `ClaimRequestSchema`."""
    return ClaimEntry(body["uri"], body["idVProviderId"], body["isVerified"], body["claimMetadata"])


def claim_body(claim: Claim, **more: str | None) -> dict[str, Any]:
    """Write a claim; once it has a run, what Onfido says replaces what an administrator noted under the same keys."""
    onfido = {
        "onfido_applicant_id": claim.applicant_id,
        "onfido_workflow_run_id": claim.run_id,
        "onfido_workflow_status": claim.workflow_status,
        "onfido_verification_status": claim.verification_status,
        "onfido_completed_at": timestamp(claim.completed_at),
    }
    known = {key: value for key, value in (onfido | more).items() if value is not None}
    noted = {key: value for key, value in claim.metadata.items() if claim.run_id is None or key not in onfido}
    return {
        "id": claim.claim_id,
        "uri": claim.uri,
        "isVerified": claim.is_verified,
        "idVProviderId": claim.provider_id,
        "claimMetadata": noted | known,
    }


def capture_body(claim: Claim, verification: Verification, sdk_token: str | None) -> dict[str, Any]:
    """Write a claim in the answer to INITIATED or REINITIATED: with the attempt under way and its SDK token."""
    attempt = {
        "onfido_applicant_id": verification.applicant_id,
        "onfido_workflow_run_id": verification.run_id,
        "onfido_workflow_status": verification.status,
        SDK_TOKEN: sdk_token,
    }
    if claim.run_id != verification.run_id:  # verified by an earlier run, whose result is not this attempt's
        attempt |= {"onfido_verification_status": None, "onfido_completed_at": None}
    return claim_body(claim, **attempt)


def timestamp(moment: datetime | None) -> str | None:
    """Write a time as Onfido does: ISO 8601 in UTC, to the second."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def change_body(change: Change) -> dict[str, Any]:
    """Write an entry of the history."""
    return {
        "at": timestamp(change.at),
        "subject": change.subject,
        "name": change.name,
        "from": change.previous,
        "to": change.current,
        "cause": change.cause,
        "actor": change.actor,
    }


def _number(properties: Mapping[str, str], key: str, default: int) -> int:
    text = properties.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ma.ValidationError({"configProperties": [f"{key}: not a whole number."]})
    return int(text)


def _properties(items: list[dict[str, Any]]) -> dict[str, str]:
    """Read configuration properties; one without a value counts as left out."""
    if len({item["key"] for item in items}) < len(items):
        raise ma.ValidationError({"configProperties": ["A key is given twice."]})
    return {item["key"]: item["value"] for item in items if item["value"] and item["key"] != READ_ONLY}
