"""A start of a run that Onfido does not answer in time: the run may still be created later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from connector.settings import Settings
from tests.harness import World, run_id_of

SETTLE_TIME = 600.0  # seconds of the connector's clock, which the test moves
READ_TIMEOUT = 2.0  # seconds that the connector waits for an answer
LATENCY = 60_000  # milliseconds of Onfido's delay; the connector gives up before
START_RUN = "POST /workflow_runs"


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    """Settings for a connector that does not wait long for an answer."""
    return replace(own_settings, onfido_read_timeout=READ_TIMEOUT, run_settle_time=SETTLE_TIME)


def test_the_settle_time_begins_at_the_end_of_the_unanswered_call(world: World) -> None:
    ann = world.add_user()
    world.faults(route=START_RUN, latency_ms=LATENCY)
    with ThreadPoolExecutor(1) as pool:
        unanswered = pool.submit(ann.verify, world.provider_id, "INITIATED")
        world.wait_until(lambda: START_RUN in world.onfido_state()["requests"])
        world.clock.advance(SETTLE_TIME)  # from the request on, the time to settle is over
        assert unanswered.result().status_code == 503
    assert ann.verify(world.provider_id, "INITIATED").status_code == 503, "the run may still be made"

    world.faults(latency_ms=0)
    world.wait_until(lambda: world.onfido_state()["runs"])
    answer = ann.verify(world.provider_id, "INITIATED")

    assert answer.status_code == 200, answer.text
    state = world.onfido_state()
    assert [run["id"] for run in state["runs"]] == [run_id_of(answer)]
    assert state["requests"][START_RUN] == 1, "a second start is on its way"
