"""Corrections of claims are answered from their own transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.wire import USERS, entry
from tests.harness import Caller, World
from tests.services.committing import COMMIT, recorded
from tests.values import GIVEN_NAME, LAST_NAME

Ask = Callable[[World, Caller], Any]


def add(world: World, admin: Caller) -> Any:
    return admin.post(f"{USERS}/ann/idv/claims", [entry(world.provider_id, LAST_NAME)])


def correct_all(world: World, admin: Caller) -> Any:
    return admin.put(f"{USERS}/ann/idv/claims", [entry(world.provider_id, GIVEN_NAME) | {"isVerified": False}])


def correct_one(world: World, admin: Caller) -> Any:
    claim_id = admin.claims("ann")[GIVEN_NAME]["id"]
    return admin.put(f"{USERS}/ann/idv/claims/{claim_id}", {"isVerified": False, "claimMetadata": {"why": "test"}})


@pytest.mark.parametrize("ask", [add, correct_all, correct_one])
def test_no_row_is_read_after_a_correction_is_committed(world: World, ask: Ask) -> None:
    """If the database became unavailable in between, a saved correction would be answered with an error."""
    admin = world.connector.as_admin(world.tenant)
    world.add_user()
    assert admin.post(f"{USERS}/ann/idv/claims", [entry(world.provider_id, GIVEN_NAME)]).status_code == 201
    world.connector.rest()
    with recorded() as done:
        answer = ask(world, admin)
    assert answer.ok
    assert done[-1] == COMMIT
    [read] = answer.json() if isinstance(answer.json(), list) else [answer.json()]
    assert admin.claims("ann")[read["uri"]] == read
