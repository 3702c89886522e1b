"""Changing a provider's credentials, and reading the state of its users' claims."""

from __future__ import annotations

from typing import Any

import requests

from tests.bodies import config_properties, provider_body
from tests.harness import Caller, World

PROVIDERS = "/api/server/v1/idv-providers"
SANDBOX, LIVE = "api_sandbox.of-the-tests", "api_live.of-the-tests"
CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
SCOPES = ("internal_idv_claim_delete", "internal_idv_claim_update", "internal_idv_claim_view")
SANDBOX_CLIENT = {"client_id": "client", "client_secret": "of-the-client"}
LIVE_CLIENT = SANDBOX_CLIENT | {"client_id": "client-live"}


def use(world: World, token: str | None = None, **properties: str | None) -> None:
    """Change the provider's credentials."""
    given = {"token": token, "max_attempts": "100"} | properties
    body = provider_body(world.simulator, configProperties=config_properties(world.simulator, **given))
    answer = world.connector.as_admin().put(f"{PROVIDERS}/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text


def verify(world: World, caller: Caller, **choice: Any) -> str:
    """Verify a user; return the run's id."""
    run_id = world.start(caller)
    world.outcome(run_id, **choice)
    world.wait_until(lambda: all(each.closed_at for each in world.verifications() if each.run_id == run_id))
    return run_id


def statuses(caller: Caller) -> dict[str, str | None]:
    """Return each claim's verification state."""
    return {uri: claim["claimMetadata"].get("onfido_verification_status") for uri, claim in caller.claims().items()}


def workflow_statuses(caller: Caller) -> set[str]:
    return {claim["claimMetadata"]["onfido_workflow_status"] for claim in caller.claims().values()}


def applicant_of(world: World, run_id: str) -> str:
    [applicant_id] = [run["applicant_id"] for run in world.onfido_state()["runs"] if run["id"] == run_id]
    return str(applicant_id)


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
