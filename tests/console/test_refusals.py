"""Errors as pages: the same status and the same headers as the API answers with."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from connector.errors import DatabaseUnavailable
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.listening import listening, statements
from tests.plans.browsing import Console


@pytest.mark.one_database
def test_a_page_throttled_by_onfido_names_the_same_retry_time_as_the_api(world: World) -> None:
    path = f"/api/server/v1/idv-providers/{world.provider_id}/webhook"
    console, admin = Console(world, "bob", ALL_SCOPES), world.connector.as_admin()
    world.faults(route="*", throttled=-1, retry_after=2)  # waited for before each repetition
    api = admin.post(path, None)
    page = console.post_anyhow(f"/console/providers/{world.provider_id}/setup/webhook")
    assert (page.status_code, page.headers["Retry-After"]) == (api.status_code, api.headers["Retry-After"])
    assert api.status_code == 503
    assert api.json()["code"] in page.text


@pytest.mark.one_database
def test_the_page_that_reports_an_outage_does_not_ask_the_database_for_the_numbers_in_its_menu(world: World) -> None:
    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM verifications" in statement:
            raise DatabaseUnavailable("the server closed the connection")

    console, count = Console(world, "bob", ALL_SCOPES), "count(*)"
    with statements("FROM outbox") as asked:
        console.open("/console/users")
        assert any(count in each for each in asked)  # the menu has the number of dead deliveries
        asked.clear()
        with listening((Engine, "before_cursor_execute", refuse)):
            page = console.get("/console/verifications")
        assert not any(count in each for each in asked)
    assert (page.status_code, "The database does not answer" in page.text) == (503, True)
    assert 'href="/console/deliveries"' in page.text
