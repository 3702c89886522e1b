"""The observable effect of settings, each with a value other than its default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests
from sqlalchemy import select

from connector.services.results.deliveries import CheckVerification
from connector.settings import Settings
from connector.store.models import events
from tests.bodies import config_properties, event_body, provider_body, sign
from tests.harness import ConnectorServer, World
from tests.services.receiving import wait_for_failure

CREATE_APPLICANT, START_RUN = "POST /applicants", "POST /workflow_runs"
DAY = 86_400


def using(**values: Any) -> pytest.MarkDecorator:
    """Mark a test with the settings of its connector."""
    return pytest.mark.parametrize("settings", [pytest.param(values, id=min(values))], indirect=True)


@pytest.fixture
def settings(own_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return replace(own_settings, onfido_read_retries=0, **request.param)


def initiate(world: World, *, expected: str) -> requests.Response:
    """Initiate, and check that the answer is 503 with this code."""
    answer = world.connector.caller("ann", ["internal_login"]).verify(world.provider_id, "INITIATED")
    assert (answer.status_code, answer.json()["code"]) == (503, expected), answer.text
    return answer


@pytest.mark.one_database
@using(interactive_budget=10.0, run_settle_time=10.0, onfido_read_timeout=60)
def test_the_interactive_budget_limits_all_calls_of_a_request_together(world: World) -> None:
    world.add_user()
    world.faults(latency_ms=6_000)

    initiate(world, expected="OIDV-10046")

    assert START_RUN in world.onfido_state()["requests"], "each call by itself had its time"


@pytest.mark.one_database
@using(onfido_read_timeout=60)
def test_the_interactive_budget_limits_the_wait_for_a_result(world: World) -> None:
    world.start(world.add_user())
    world.faults(latency_ms=60_000)
    hurried = replace(world.connector.settings, interactive_budget=1.0, run_settle_time=1.0)

    with ConnectorServer(hurried, world.clock) as connector:
        answer = connector.as_user("ann").verify(world.provider_id, "COMPLETED")

    assert (answer.status_code, answer.json()["code"]) == (503, "OIDV-10046"), "it waited for Onfido's answer"


@pytest.mark.one_database
@using(onfido_rate_limit=0.4)
def test_the_rate_limit_rejects_calls_whose_turn_would_be_too_late(world: World) -> None:
    world.add_user()
    initiate(world, expected="OIDV-10045")
    asked = world.onfido_state()["requests"]
    assert (asked.get(CREATE_APPLICANT), asked.get(START_RUN)) == (1, None), "the account has one call in minutes"


@pytest.mark.one_database
@using(onfido_rate_limit=20)
def test_upkeep_leaves_the_last_calls_to_interactive_requests(world: World) -> None:
    world.start(world.add_user())
    world.clock.advance(180)

    world.sweep()

    assert "limit of calls" in wait_for_failure(world, CheckVerification.kind).history[-1]["reason"]


@pytest.mark.one_database
@using(onfido_circuit_failures=2)
def test_consecutive_failures_open_the_circuit(world: World) -> None:
    world.add_user()
    world.faults(route=CREATE_APPLICANT, failed=-1)
    for _ in range(4):
        initiate(world, expected="OIDV-10046")
    assert world.onfido_state()["requests"][CREATE_APPLICANT] == 2


@using(webhook_token_overlap=60)
def test_a_replaced_token_verifies_signatures_until_the_overlap_ends(world: World) -> None:
    old = world.webhook_token
    world.clock.stop()
    properties = config_properties(world.simulator, webhook_token="the new token of the webhook")
    body = provider_body(world.simulator, configProperties=properties)
    changed = world.connector.as_admin().put(f"/api/server/v1/idv-providers/{world.provider_id}", body)
    assert changed.status_code == 200, changed.text

    def status(run_id: str) -> int:
        event = event_body(run_id)
        return world.post_event(event, signature=sign(event, old)).status_code

    world.clock.advance(50)
    assert status("somebody-elses") == 200
    world.clock.advance(11)
    assert status("another") == 401


@using(event_retention_days=2)
def test_the_bodies_of_events_are_deleted_after_their_retention(world: World) -> None:
    run_id = world.start(world.add_user())
    assert world.post_event(event_body(run_id)).status_code == 200

    def bodies() -> list[bool]:
        with world.connector.services.database.read() as connection:
            return [body is not None for body in connection.execute(select(events.c.body)).scalars()]

    world.clock.stop()
    world.clock.advance(2 * DAY - 60)
    world.sweep()
    assert bodies() == [True]
    world.clock.advance(120)
    world.sweep()
    assert bodies() == [False]
