"""A provider's account at Onfido: calls of the connector, and changes by administrators in the dashboard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import requests
from sqlalchemy import select

from connector.store.models import history
from tests.bodies import API_TOKEN, config_properties, event_body, provider_body, sign
from tests.contract.wire import PROVIDERS, answer_on, assert_discreet, new_provider
from tests.harness import Caller, World

NAMES = ["region", "token", "environment", "workflow", "claims", "webhook"]
RESULT, TASK, MATCHES = "workflow_run.completed", "workflow_task.started", "watchlist_monitor.matches_updated"
NOTICE_SECRET = "whsec_" + "c2VjcmV0" * 4
NIL = "00000000-0000-0000-0000-000000000000"


def provider_with(world: World, **properties: str) -> str:
    return new_provider(world, configProperties=config_properties(world.simulator, **properties))


def checked(admin: Caller, provider_id: str) -> tuple[dict[str, bool | None], dict[str, str]]:
    """Test a provider's connection; return which of the named checks passed, and the details of all checks."""
    answer = admin.post(f"{PROVIDERS}/{provider_id}/test-connection", None)
    body = answer_on(answer, 200)
    assert_discreet(answer.text)
    assert set(body) == {"passed", "environment", "checks"}
    assert [check["name"] for check in body["checks"]] == [*NAMES, "delivery"]
    passed = {check["name"]: check["passed"] for check in body["checks"]}
    assert body["passed"] is (False not in passed.values())
    assert all(check["passed"] is not None or "not checked: " in check["detail"] for check in body["checks"])
    passed.pop("delivery")  # it has tests of its own
    return passed, {check["name"]: check["detail"] for check in body["checks"]}


def register(admin: Caller, provider_id: str, status: int = 200) -> dict[str, Any]:
    answer = admin.post(f"{PROVIDERS}/{provider_id}/webhook", None)
    webhook: dict[str, Any] = answer_on(answer, status)
    assert set(webhook) == {"webhookId", "webhookUrl", "events", "environments", "isNew"}
    assert webhook["isNew"] is (status == 201)
    return webhook


def remove(admin: Caller, provider_id: str) -> requests.Response:
    return admin.request("DELETE", f"{PROVIDERS}/{provider_id}/webhook")


def url_of(world: World, provider_id: str) -> str:
    return f"{world.connector.url}/idv/onfido/v1/{provider_id}/verify"


def ask_onfido(world: World, method: str, *path: str, **body: Any) -> Any:
    """Send a change to Onfido's API, as an administrator makes it in Onfido's dashboard."""
    url = "/".join((world.simulator.api_url, "webhooks", *path))
    headers = {"Authorization": f"Token token={API_TOKEN}"}
    answer = requests.request(method, url, headers=headers, json=body or None, timeout=60)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def at_onfido(world: World, provider_id: str) -> list[dict[str, Any]]:
    """Return the webhooks that Onfido has with the provider's URL."""
    webhooks = ask_onfido(world, "GET")["webhooks"]
    return [webhook for webhook in webhooks if webhook["url"] == url_of(world, provider_id)]


def asked(world: World, route: str) -> int:
    """Return how often an endpoint of Onfido was called."""
    return int(world.onfido_state()["requests"].get(route, 0))


def post(world: World, provider_id: str, token: str) -> int:
    """Post an event without meaning for the connector, signed with a token."""
    body = event_body("run-of-another")
    return world.post_event(body, provider_id=provider_id, signature=sign(body, token)).status_code


def told(world: World, provider_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the changes of the provider after it was added, with their actors."""
    statement = select(history.c.actor, history.c.detail).where(
        history.c.provider_id == provider_id, history.c.cause == "administrator"
    )
    with world.connector.services.database.read() as connection:
        return [(row.actor, row.detail) for row in connection.execute(statement.order_by(history.c.id))][1:]


def give_token(world: World, admin: Caller, provider_id: str, token: str) -> None:
    """Store a webhook token that was created by hand."""
    name = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["name"]
    properties = config_properties(world.simulator, webhook_token=token)
    body = provider_body(world.simulator, name=name, configProperties=properties)
    answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body), 200)


@dataclasses.dataclass
class Between:
    """A relay between the connector and Onfido: it can act at a chosen moment, and hide tokens from lists."""

    url: str = ""
    before: Callable[[str, str], None] = lambda _method, _path: None
    hides_tokens: bool = False


def once(method: str, path: str, action: Callable[[], object]) -> Callable[[str, str], None]:
    """Act before the first such request is passed on."""
    actions = [action]

    def before(its_method: str, its_path: str) -> None:
        if (its_method, its_path.rpartition("/")[2]) == (method, path) and actions:
            actions.pop()()

    return before
