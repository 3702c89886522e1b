"""A start of a run that Onfido does not answer: the run may still be created later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from connector.settings import Settings
from tests.between import between
from tests.harness import World, run_id_of

SETTLE_TIME = 600.0  # seconds of the connector's clock, which the test moves


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    """Settings with a time for unanswered starts to settle."""
    return replace(own_settings, run_settle_time=SETTLE_TIME)


def test_the_settle_time_begins_at_the_end_of_the_unanswered_call(world: World) -> None:
    ann = world.add_user()
    with between(world) as onfido, ThreadPoolExecutor(1) as pool:
        held = onfido.hold("POST", "/workflow_runs")
        unanswered = pool.submit(ann.verify, world.provider_id, "INITIATED")
        held.wait()
        world.clock.advance(SETTLE_TIME)  # from the request on, the time to settle is over
        held.hang_up()
        assert unanswered.result().status_code == 503
        assert ann.verify(world.provider_id, "INITIATED").status_code == 503, "the run may still be made"

        held.may_go.set()
        world.wait_until(lambda: bool(world.onfido_state()["runs"]))
        answer = ann.verify(world.provider_id, "INITIATED")

    assert answer.status_code == 200, answer.text
    state = world.onfido_state()
    assert [run["id"] for run in state["runs"]] == [run_id_of(answer)]
    assert state["requests"]["POST /workflow_runs"] == 1, "a second start is on its way"
