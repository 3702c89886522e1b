"""An Onfido that answers every start with the same run, as a mock of its specification does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.between import Answer, Change, between
from tests.bodies import event_body
from tests.harness import World, verified
from tests.races.attack import ALL_CLEAR, outcome_of, run_status

REFUSED = (502, "OIDV-10006")


def answering_with(run_id: str) -> Change:
    """Return a function that puts this run's id into every answer to a start."""

    def change(method: str, path: str, answer: Answer) -> Answer:
        if (method, path) != ("POST", "/workflow_runs"):
            return answer
        return replace(answer, content=json.dumps(json.loads(answer.content) | {"id": run_id}).encode())

    return change


@pytest.mark.parametrize("write", [str, str.upper])
def test_a_run_that_belongs_to_another_verification_ends_this_one_at_once(world: World, write: type[str]) -> None:
    ann, bea = world.add_user("ann"), world.add_user("bea")
    with between(world) as onfido:
        first = world.start(ann)
        onfido.change = answering_with(write(first))

        for _ in range(2):
            refused = bea.verify(world.provider_id, "INITIATED")
            assert outcome_of(refused) == REFUSED
            assert first in refused.json()["description"].lower()
            assert world.verifications("bea")[0].status == "error"
            assert all(verification.closed_at for verification in world.verifications("bea"))

        onfido.change = lambda _method, _path, answer: answer
        assert world.start(bea) != first
    assert world.post_event(event_body(first, "approved", ALL_CLEAR)).status_code == 200
    assert run_status(ann) == {"approved"}
    assert verified(bea.claims()) == set()
