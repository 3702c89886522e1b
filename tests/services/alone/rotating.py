"""Replacing the token of a webhook, and posting events that are signed with one."""

from __future__ import annotations

import os
from typing import Any

import requests

from tests.bodies import config_properties, event_body, provider_body, sign
from tests.harness import World

PROVIDERS = "/api/server/v1/idv-providers"
EXPIRY = "previous_webhook_token_expires_at"
ALL_CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}


def change_token(world: World, token: str | None) -> dict[str, Any]:
    """Replace the webhook token as an administrator does; returns the provider's properties as they are shown."""
    properties = config_properties(world.simulator, webhook_token=token)
    body = provider_body(world.simulator, configProperties=properties)
    answer = world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text
    return {item["key"]: item.get("value") for item in answer.json()["configProperties"]}


def post(world: World, token: str, run_id: str = "somebody-elses") -> int:
    """Post an event with a new body, signed with a token."""
    body = event_body(run_id, "approved", ALL_CLEAR, nonce=os.urandom(8).hex())
    return world.post_event(body, signature=sign(body, token)).status_code


def end_overlap(world: World, scopes: tuple[str, ...] = ("internal_idvp_update",)) -> requests.Response:
    admin = world.connector.caller("admin", scopes)
    return admin.request("DELETE", f"{PROVIDERS}/{world.provider_id}/previous-webhook-token")
