"""The bodies that callers and Onfido send: registrations of a provider, and signed events."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from connector.simulator.server import Simulator
from tests.values import MAPPING

WORKFLOW_ID = "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a001"
API_TOKEN = "api_sandbox.secret-of-the-tests"


def provider_body(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    """Make the body that registers a provider; `changes` replace its members."""
    return {
        "type": "ONFIDO",
        "name": "Onfido",
        "description": "identity verification",
        "isEnabled": True,
        "claims": [{"localClaim": uri, "idvpClaim": name} for uri, name in MAPPING.items()],
        "configProperties": config_properties(simulator),
    } | changes


def config_properties(simulator: Simulator, **changes: str | None) -> list[dict[str, Any]]:
    """Make configuration properties; a change to None leaves one out."""
    values: dict[str, str | None] = {"token": API_TOKEN, "workflow_id": WORKFLOW_ID, "base_url": simulator.api_url}
    return [{"key": key, "value": value} for key, value in (values | changes).items() if value is not None]


def event_body(
    run_id: str,
    status: str = "approved",
    comparisons: Mapping[str, str | None] | None = None,
    **resource: Any,
) -> bytes:
    """Make the body of a `workflow_run.completed` event, comparison in the report form."""
    output: Any = None
    if comparisons is not None:
        breakdown: Any = {key: {"result": result, "properties": {}} for key, result in comparisons.items()}
        output = {"data_comparison": {"result": "clear", "breakdown": breakdown}}
    completed_at = "2026-01-02T03:04:05Z"
    event = {
        "payload": {
            "resource_type": "workflow_run",
            "action": "workflow_run.completed",
            "object": {"id": run_id, "status": status, "completed_at_iso8601": completed_at},
            "resource": {"id": run_id, "status": status, "output": output, "reasons": []} | resource,
        }
    }
    return json.dumps(event).encode()


def sign(body: bytes, token: str) -> str:
    """Sign as Onfido does."""
    return hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
