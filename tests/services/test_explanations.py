"""Each verification keeps the results of its own claims and explains them, independent of later verifications."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.domain.tenancy import Tenant
from tests.bodies import event_body
from tests.harness import HTTP, Caller, World, verified
from tests.services.conftest import Run
from tests.services.environments import LIVE, PROVIDERS, use
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

MIXED = {"first_name": "clear", "last_name": "consider", "date_of_birth": "unidentified"}
CLEAR = dict.fromkeys(MIXED, "clear")


@pytest.fixture
def ann(world: World) -> Caller:
    return world.add_user()


def explanation(world: World, run_id: str, **options: Any) -> dict[str, Any]:
    answer = world.connector.as_admin(world.tenant).get(
        f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/explanation", **options
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert [claim["uri"] for claim in body["claims"]] == sorted(MAPPING)
    return body


def said(world: World, run_id: str) -> dict[str, tuple[str | None, bool | None, str | None]]:
    claims = explanation(world, run_id)["claims"]
    return {claim["uri"]: (claim["result"], claim["isVerified"], claim["rule"]) for claim in claims}


def end(world: World, caller: Caller, status: str = "approved", **comparisons: str) -> str:
    run_id = world.start(caller)
    assert world.post_event(event_body(run_id, status, comparisons or CLEAR)).status_code == 200
    return run_id


def test_a_later_verification_does_not_change_the_explanation_of_an_earlier_one(world: World, ann: Caller) -> None:
    first = end(world, ann, **MIXED)
    second = end(world, ann, "declined")

    assert said(world, first) == {
        GIVEN_NAME: ("clear", True, "clear_and_approved"),
        LAST_NAME: ("consider", False, "consider"),
        BIRTH_DATE: ("unidentified", False, "unidentified"),
    }
    assert set(said(world, second).values()) == {("clear", False, "not_approved")}
    assert verified(ann.claims()) == {GIVEN_NAME}


def test_an_explanation_names_the_place_of_each_result_and_the_deciding_rule(world: World, ann: Caller) -> None:
    run_id = end(world, ann, **MIXED)

    claims = {claim["uri"]: claim for claim in explanation(world, run_id)["claims"]}

    assert {claim["foundAt"].endswith("/data_comparison") for claim in claims.values()} == {True}
    assert [step["name"] for step in claims[LAST_NAME]["steps"]] == [
        *("run", "finding", "sandbox", "value_changed", "consider")
    ]
    assert [step["applies"] for step in claims[LAST_NAME]["steps"]] == [True, True, False, False, True]
    assert claims[LAST_NAME]["finding"] == "consider"


def test_a_comparison_only_in_the_document_check_is_found_in_that_task(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    world.faults(webhooks_lost=-1, output_shape="none")
    world.outcome(run_id, comparisons=CLEAR)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200

    assert verified(ann.claims()) == set(MAPPING)
    places = {claim["foundAt"].partition("#")[0] for claim in explanation(world, run_id)["claims"]}
    assert len(places) == 1
    assert places.pop().startswith("document_check")


def test_an_open_run_is_explained_by_its_progress(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    claims = explanation(world, run_id)["claims"]
    assert set(said(world, run_id).values()) == {(None, None, None)}
    assert {step["text"] for claim in claims for step in claim["steps"]} == {
        "The run has not ended: its status is awaiting_input."
    }


def test_a_value_changed_meanwhile_is_the_reason(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Anna"})
    world.post_event(event_body(run_id, "approved", CLEAR))
    assert said(world, run_id)[GIVEN_NAME] == ("value_changed", False, "value_changed")
    assert said(world, run_id)[LAST_NAME] == ("clear", True, "clear_and_approved")


def test_an_explanation_contains_the_decision(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    world.outcome(run_id, status="review", comparisons=MIXED)
    world.wait_until(lambda: world.verifications()[0].closed_at is not None)
    assert said(world, run_id)[GIVEN_NAME] == ("clear", False, "not_approved")

    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
    answer = world.connector.as_admin(world.tenant).post(path, {"decision": "approve", "reason": "seen"})
    assert answer.status_code == 200, answer.text

    assert said(world, run_id)[GIVEN_NAME] == ("clear", True, "clear_and_approved")
    assert said(world, run_id)[LAST_NAME] == ("consider", False, "consider")
    assert "an administrator decided: approved" in explanation(world, run_id)["claims"][0]["steps"][0]["text"]


def test_a_run_of_the_other_environment_has_no_effect(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    use(world, LIVE)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert set(said(world, run_id).values()) == {("sandbox", False, "run_elsewhere")}


def test_a_run_missing_at_onfido_has_no_effect(world: World, ann: Caller) -> None:
    use(world, LIVE)
    run_id = world.start(ann)
    assert HTTP.post(f"{world.simulator.url}/simulator/reset", timeout=60).ok
    use(world, "api_live.of-another-account")
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert set(said(world, run_id).values()) == {("run_gone", False, "run_gone")}


def test_an_explanation_is_kept_as_long_as_its_verification(world: World, ann: Caller) -> None:
    run_id = end(world, ann, **MIXED)
    before = explanation(world, run_id)
    world.clock.advance(86400 * (world.connector.settings.event_retention_days + 1))
    world.sweep()
    assert explanation(world, run_id) == before


def test_the_command_line_prints_the_same_explanation(world: World, ann: Caller, run: Run) -> None:
    run_id = end(world, ann, **MIXED)
    shown = json.loads(run("verification", "explain", run_id, "--json").stdout)
    assert shown == explanation(world, run_id)
    text = run("verification", "explain", run_id).stdout
    assert f"{GIVEN_NAME}: clear, verified\n" in text
    assert f"{LAST_NAME}: consider\n" in text
    assert all(step["text"] in text for claim in shown["claims"] for step in claim["steps"])
    open_run = world.start(world.add_user("ben"))
    assert f"{GIVEN_NAME}: no result yet\n" in run("verification", "explain", open_run).stdout


def test_an_explanation_is_hidden_from_users_and_other_tenants(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/explanation"
    assert ann.get(path).status_code == 403
    assert world.connector.as_admin("elsewhere.example").get(path).status_code == 404
    unknown = path.replace(run_id, "no-such-run")
    assert world.connector.as_admin().get(unknown).json()["code"] == "IDVP-60010"
