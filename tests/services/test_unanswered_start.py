"""A start of a run that Onfido was too slow to answer: the run may still be made, long after anybody waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connector.settings import Settings
from tests.harness import Clock, ConnectorServer, World, run_id_of

SETTLE_TIME = 1.0
LATENCY = (
    1.3  # seconds until Onfido makes the run; more than SETTLE_TIME from the request on, less from its time-out on
)


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    """Settings for a connector that waits half a second for an answer."""
    return replace(own_settings, onfido_read_timeout=0.5, interactive_budget=SETTLE_TIME, run_settle_time=SETTLE_TIME)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connector(settings: Settings, clock: Clock) -> Iterator[ConnectorServer]:
    with ConnectorServer(settings, clock) as running:
        yield running


def test_time_to_settle_counts_from_when_nobody_waits_for_the_answer_any_more(world: World) -> None:
    ann = world.add_user()
    world.faults(route="POST /workflow_runs", latency_ms=int(LATENCY * 1000))
    answer = ann.verify(world.provider_id, "INITIATED")
    for _ in range(40):
        assert answer.status_code == 503, answer.text
        time.sleep(0.1)
        answer = ann.verify(world.provider_id, "INITIATED")
        if answer.status_code == 200:
            break

    state = world.onfido_state()
    assert [run["id"] for run in state["runs"]] == [run_id_of(answer)]
    assert state["requests"]["POST /workflow_runs"] == 1, "a second start is on its way"
