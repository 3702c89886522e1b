"""A provider with only the required configuration."""

from __future__ import annotations

from connector.domain.providers.provider import Provider

PROVIDER = Provider(
    provider_id="p",
    tenant="t",
    name="Onfido",
    description="",
    image="",
    is_enabled=True,
    claims={"given": "first_name", "family": "last_name"},
    workflow_id="w",
    base_url="https://api.eu.onfido.com/v3.6",
    max_attempts=1,
    attempt_window=1,
    has_webhook_token=False,
    previous_webhook_token_expires_at=None,
)
