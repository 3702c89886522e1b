"""Providers as administrators change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.bodies import config_properties, provider_body
from tests.contract.wire import PROVIDERS
from tests.harness import World
from tests.services.committing import COMMIT, recorded

Ask = Callable[[World], Any]


def add(world: World) -> Any:
    return world.connector.as_admin(world.tenant).post(PROVIDERS, provider_body(world.simulator, name="Another"))


def change(world: World) -> Any:
    body = provider_body(world.simulator, description="changed")
    return world.connector.as_admin(world.tenant).put(f"{PROVIDERS}/{world.provider_id}", body)


def replace_token(world: World) -> Any:
    properties = config_properties(world.simulator, webhook_token="another-webhook-token-of-the-tests")
    body = provider_body(world.simulator, configProperties=properties)
    return world.connector.as_admin(world.tenant).put(f"{PROVIDERS}/{world.provider_id}", body)


def end_overlap(world: World) -> Any:
    path = f"{PROVIDERS}/{world.provider_id}/previous-webhook-token"
    return world.connector.as_admin(world.tenant).request("DELETE", path)


@pytest.mark.parametrize("ask", [add, change, replace_token, end_overlap])
def test_no_row_is_read_after_a_change_is_committed(world: World, ask: Ask) -> None:
    """If the database became unavailable in between, a saved change would be answered with an error."""
    world.connector.rest()
    with recorded() as done:
        assert ask(world).ok
    assert done[-1] == COMMIT
