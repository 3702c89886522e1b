"""Errors as pages: the same status and the same headers as the API answers with."""

from __future__ import annotations

import pytest

from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console


@pytest.mark.one_database
def test_a_page_throttled_by_onfido_names_the_same_retry_time_as_the_api(world: World) -> None:
    path = f"/api/server/v1/idv-providers/{world.provider_id}/webhook"
    console, admin = Console(world, "bob", ALL_SCOPES), world.connector.as_admin()
    world.faults(route="*", throttled=-1, retry_after=7)
    api = admin.post(path, None)
    page = console.post_anyhow(f"/console/providers/{world.provider_id}/setup/webhook")
    assert (page.status_code, page.headers["Retry-After"]) == (api.status_code, api.headers["Retry-After"])
    assert api.status_code == 503
    assert api.json()["code"] in page.text
