"""A run whose answer cannot be parsed blocks its user for a limited time only."""

from __future__ import annotations

from dataclasses import replace

from tests.between import Answer, between
from tests.harness import World


def garbled(method: str, path: str, answer: Answer) -> Answer:
    is_run = method == "GET" and path.startswith("/workflow_runs/")
    return replace(answer, content=b'{"output": {') if is_run else answer


def test_a_run_that_stays_unreadable_is_replaced_by_another(world: World) -> None:
    ann = world.add_user()
    with between(world) as onfido:
        first = world.start(ann)
        onfido.change = garbled
        refused = ann.verify(world.provider_id, "INITIATED")
        assert (refused.status_code, refused.json()["code"]) == (502, "OIDV-10006")

        world.clock.advance(8 * 86_400)

        assert world.start(ann) != first
    assert sorted(verification.status for verification in world.verifications("ann")) == ["awaiting_input", "error"]
