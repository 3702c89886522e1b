"""From the wire's shapes to the values that services take, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import marshmallow as ma

from connector.api.schemas import LINK_URL, SDK_TOKEN
from connector.api.studio_shapes import read_studio, studio_body
from connector.domain.claims import Claim
from connector.domain.credentials import MASK
from connector.domain.history import Change
from connector.domain.provider import (
    DEFAULT_ATTEMPT_WINDOW,
    DEFAULT_BASE_URL,
    DEFAULT_MAX_ATTEMPTS,
    PROVIDER_TYPE,
    SECRETS,
    Provider,
    ProviderConfig,
)
from connector.domain.studio import Studio
from connector.domain.workflow_input import RunRequest
from connector.services.people.claims import ClaimEntry
from connector.services.results.kept import DOCUMENT, OUTPUT_VALUE
from connector.services.starting.requests import Capture

_PROPERTIES = {
    *SECRETS.values(),
    *("client_id", "workflow_id", "base_url", "max_attempts", "attempt_window", "missing_name"),
}
READ_ONLY = "previous_webhook_token_expires_at"  # of the configuration properties; ignored in a request
MAX_DIGITS = 9
CUSTOM_DATA = "custom_data."  # before the names of custom input data, among a request's properties


def provider_config(body: Mapping[str, Any]) -> ProviderConfig:
    """Read a loaded `ProviderRequestSchema`; raises `ma.ValidationError` for properties nobody knows."""
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
        api_token=properties.get("token"),
        client_id=properties.get("client_id"),
        client_secret=properties.get("client_secret"),
        webhook_token=properties.get("webhook_token"),
        notice_secret=properties.get("notice_secret"),
        studio=None if body["studio"] is None else read_studio(body["studio"]),
    )


def provider_body(provider: Provider) -> dict[str, Any]:
    """Write a provider; its secrets are masked, and one that uses nothing of Studio is written as WSO2's are."""
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


def status_property(properties: Mapping[str, str]) -> str | None:
    """Give the `status` among the properties of a request, in capitals; None where it is missing."""
    return (properties.get("status") or "").strip().upper() or None


def by_key(items: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Read a list of properties, without those that are null; raises `ma.ValidationError` for a key given twice."""
    if len({item["key"] for item in items}) < len(items):
        raise ma.ValidationError({name: ["must give no key twice"]})
    return {item["key"]: item["value"] for item in items if item["value"] is not None}


def run_request(properties: Mapping[str, str]) -> RunRequest:
    """Read what the properties of a request ask of a run; those that nobody knows are left alone, as WSO2 does."""
    known = {key: value.strip() for key, value in properties.items() if value.strip()}
    return RunRequest(
        tags=_names(known.get("tags")),
        given={
            key.removeprefix(CUSTOM_DATA): value for key, value in properties.items() if key.startswith(CUSTOM_DATA)
        },
        consents=_names(known.get("consents")),
        capture=known["capture"].lower() if "capture" in known else None,
        completed_redirect_url=known.get("completed_redirect_url"),
        expired_redirect_url=known.get("expired_redirect_url"),
        lifetime=_seconds(known.get("link_lifetime")),
        language=known.get("language"),
        referrer=known.get("referrer"),
        application_id=known.get("application_id"),
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ma.ValidationError({"properties": ["link_lifetime: must be a number of seconds"]})
    return int(text)


def claim_entry(body: Mapping[str, Any]) -> ClaimEntry:
    """Read a loaded `ClaimRequestSchema`."""
    return ClaimEntry(body["uri"], body["idVProviderId"], body["isVerified"], body["claimMetadata"])


def claim_body(claim: Claim, **more: Any) -> dict[str, Any]:
    """Write a claim; once it has a run, what Onfido says replaces what an administrator noted under the same keys."""
    onfido = {
        "onfido_applicant_id": claim.applicant_id,
        "onfido_workflow_run_id": claim.run_id,
        "onfido_workflow_status": claim.workflow_status,
        "onfido_verification_status": claim.verification_status,
        "onfido_completed_at": timestamp(claim.completed_at),
        "onfido_decision": claim.decision,
        OUTPUT_VALUE: None,
        DOCUMENT: None,
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


def capture_body(claim: Claim, capture: Capture) -> dict[str, Any]:
    """Write a claim in the answer to INITIATED or REINITIATED: with the attempt under way, its SDK token or link."""
    verification = capture.verification
    attempt = {
        "onfido_applicant_id": verification.applicant_id,
        "onfido_workflow_run_id": verification.run_id,
        "onfido_workflow_status": verification.status,
        SDK_TOKEN: capture.sdk_token,
        LINK_URL: capture.link_url,
    }
    if claim.run_id != verification.run_id:  # verified by an earlier run, whose result is not this attempt's
        attempt |= {"onfido_verification_status": None, "onfido_completed_at": None, "onfido_decision": None}
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
        "detail": dict(change.detail),
    }


def _number(properties: Mapping[str, str], key: str, default: int) -> int:
    text = properties.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise ma.ValidationError({"configProperties": [f"{key}: must be a whole number"]})
    return int(text)


def _properties(items: list[dict[str, Any]]) -> dict[str, str]:
    """Read configuration properties; one without a value counts as left out, as does one of white space only."""
    properties = {key: value.strip() for key, value in by_key(items, "configProperties").items()}
    return {key: value for key, value in properties.items() if value and key != READ_ONLY}
