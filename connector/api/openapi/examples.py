"""Examples of the calls that an application makes, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

PROVIDER_ID = "2a09dbb9-4b70-44b6-a02c-eab2c95fa971"
GIVEN_NAME, LAST_NAME = "http://wso2.org/claims/givenname", "http://wso2.org/claims/lastname"
_APPLICANT, _RUN = "87fed579-ccb5-40ef-8bf1-c7fb5aaf285f", "c7ff64b6-e9ab-4b07-a4d0-c3c68a264804"


def _request(status: str) -> dict[str, Any]:
    return {
        "idVProviderId": PROVIDER_ID,
        "claims": [GIVEN_NAME, LAST_NAME],
        "properties": [{"key": "status", "value": status}],
    }


def _claim(status: str, *, is_verified: bool, **metadata: str) -> dict[str, Any]:
    return {
        "id": "a5155d34-991b-4a57-9407-49eb4b7c107c",
        "uri": GIVEN_NAME,
        "isVerified": is_verified,
        "idVProviderId": PROVIDER_ID,
        "claimMetadata": {
            "onfido_applicant_id": _APPLICANT,
            "onfido_workflow_run_id": _RUN,
            "onfido_workflow_status": status,
            **metadata,
        },
    }


_OPEN = _claim("awaiting_input", is_verified=False, sdk_token="eyJhbGciOiJFUzUxMiJ9…")  # noqa: S106  none
VERIFIED = _claim(
    "approved", is_verified=True, onfido_verification_status="clear", onfido_completed_at="2026-01-31T09:30:00Z"
)
VERIFY_REQUESTS = {
    "start": {"summary": "Start a verification", "value": _request("INITIATED")},
    "complete": {"summary": "Ask for the result", "value": _request("COMPLETED")},
    "resume": {"summary": "Another SDK token for a run that awaits input", "value": _request("REINITIATED")},
}
VERIFY_ANSWERS = {
    "started": {"summary": "To INITIATED and REINITIATED", "value": {"idVProviderId": PROVIDER_ID, "claims": [_OPEN]}},
    "completed": {"summary": "To COMPLETED", "value": {"idVProviderId": PROVIDER_ID, "claims": [VERIFIED]}},
}
