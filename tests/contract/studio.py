"""A provider that uses Studio, requests with properties, and what Onfido received of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import requests

from tests.bodies import API_TOKEN, config_properties
from tests.contract.wire import USERS, new_provider
from tests.harness import Caller, World
from tests.values import MAPPING


def studio_provider(
    world: World, claims: Mapping[str, str] = MAPPING, workflow_id: str | None = None, **studio: Any
) -> str:
    """Register a provider with these features of Studio; return its id."""
    mapping = [{"localClaim": uri, "idvpClaim": name} for uri, name in claims.items()]
    own = {"webhook_token": world.webhook_token} | ({"workflow_id": workflow_id} if workflow_id else {})
    properties = config_properties(world.simulator, **own)
    return new_provider(world, claims=mapping, configProperties=properties, studio=studio)


def ask(
    caller: Caller,
    provider_id: str,
    status: str = "INITIATED",
    claims: Iterable[str] = tuple(MAPPING),
    properties: Mapping[str, str] | None = None,
) -> requests.Response:
    """Initiate, complete or resume, with further properties besides the status."""
    given = {"status": status} | dict(properties or {})
    body = {
        "idVProviderId": provider_id,
        "claims": list(claims),
        "properties": [{"key": key, "value": value} for key, value in given.items()],
    }
    return caller.post(f"{USERS}/me/idv/verify", body)


def metadata(answer: requests.Response) -> dict[str, Any]:
    """Check that an answer is a success; return the metadata of its first claim."""
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["claims"][0]["claimMetadata"]
    return found


def run_at_onfido(world: World, run_id: str) -> dict[str, Any]:
    """Return the request to Onfido that started a run."""
    [found] = [run for run in world.onfido_state()["runs"] if run["id"] == run_id]
    return dict(found)


def read_at_onfido(world: World, *path: str) -> Any:
    """Read something from Onfido's API, past the connector."""
    url = "/".join((world.simulator.api_url, *path))
    answer = requests.get(url, headers={"Authorization": f"Token token={API_TOKEN}"}, timeout=60)
    assert answer.ok, answer.text
    return answer.json()


def calls(world: World) -> dict[str, int]:
    """Return the number of calls to Onfido, by route."""
    return dict(world.onfido_state()["requests"])


def calls_since(world: World, before: Mapping[str, int]) -> dict[str, int]:
    """Return the number of calls to Onfido since `before`, by route."""
    return {
        route: count - before.get(route, 0) for route, count in calls(world).items() if count > before.get(route, 0)
    }


def bound_to(sdk_token: str) -> dict[str, str]:
    """Read the binding of the simulator's SDK token."""
    payload = sdk_token.split(".")[1]
    read: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["payload"]
    return read


def set_workflow(world: World, workflow_id: str, **rules: Any) -> None:
    """Set the rules of a workflow at Onfido."""
    url = f"{world.simulator.url}/simulator/workflows/{workflow_id}"
    answer = requests.put(url, json=rules, timeout=60)
    assert answer.ok, answer.text
