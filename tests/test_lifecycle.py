"""A verification from the first request to the verified claim, over real HTTP."""

from __future__ import annotations

from tests.harness import World, verified
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING


def test_an_approved_run_verifies_the_compared_claims(world: World) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    comparisons = {"first_name": "clear", "last_name": "consider", "date_of_birth": None}
    world.outcome(run_id, status="approved", comparisons=comparisons)

    answer = ann.verify(world.provider_id, "COMPLETED", headers={"Prefer": "wait=10"})

    assert answer.status_code == 200
    claims = ann.claims()
    assert verified(claims) == {GIVEN_NAME}
    reasons = {uri: claim["claimMetadata"]["onfido_verification_status"] for uri, claim in claims.items()}
    assert reasons == {GIVEN_NAME: "clear", LAST_NAME: "consider", BIRTH_DATE: "not_compared"}


def test_the_webhook_alone_delivers_the_result(world: World) -> None:
    ann = world.add_user()
    world.outcome(world.start(ann))

    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))


def test_two_calls_to_onfido_start_a_verification(world: World) -> None:
    world.start(world.add_user())

    calls = world.onfido_state()["requests"]
    assert calls["POST /applicants"] == 1
    assert calls["POST /workflow_runs"] == 1
    assert "POST /sdk_token" not in calls
