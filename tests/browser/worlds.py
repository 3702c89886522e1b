"""A provider in a connector that runs until the last test, with its webhook registered at Onfido."""

from __future__ import annotations

import itertools
import threading
import uuid
from dataclasses import replace
from typing import Any

from connector.domain.tenancy import DEFAULT_TENANT
from tests.bodies import config_properties, provider_body
from tests.browser.visiting import ALL_SCOPES
from tests.harness import World, onfido_of

_numbers = itertools.count()
_lock = threading.Lock()


def with_provider(place: World, tenant: str = DEFAULT_TENANT, **changes: Any) -> World:
    """Register a provider under a unique name; return the connector with it."""
    with _lock:
        name = f"Onfido {next(_numbers)} {uuid.uuid4().hex[:6]}"  # other tests of the place name theirs by numbers
    world = replace(place, tenant=tenant)
    admin = place.connector.caller("admin", ALL_SCOPES, tenant)
    path = "/api/server/v1/idv-providers"
    answer = admin.post(path, provider_body(place.simulator, name=name, **changes))
    assert answer.status_code == 201, answer.text
    world.provider_id = answer.json()["id"]
    prefix = "" if tenant == DEFAULT_TENANT else f"/t/{tenant}"
    url = f"{place.connector.url}{prefix}/idv/onfido/v1/{world.provider_id}/verify"
    webhook = onfido_of(world).create_webhook(url=url, events=["workflow_run.completed"], name="tests")
    world.webhook_token = webhook.token or ""
    properties = config_properties(place.simulator, webhook_token=world.webhook_token)
    body = provider_body(place.simulator, name=name, configProperties=properties, **changes)
    answer = admin.put(f"{path}/{world.provider_id}", body)
    assert answer.status_code == 200, answer.text
    return world
