"""An administrator's decision on a run in review: once, for the current values, without withdrawing claims."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
import requests
from sqlalchemy import update

from connector.domain.tenancy import Tenant
from connector.errors import InvalidField
from connector.settings import Settings
from connector.simulator.server import Simulator
from connector.store.models import verification_claims
from tests.bodies import WORKFLOW_ID, config_properties, event_body, provider_body
from tests.harness import ADMIN_SCOPES, Caller, Clock, ConnectorServer, World, as_actor, verified
from tests.races.attack import (
    PROVIDERS,
    add_provider,
    admin_of,
    assert_holds_for_current_values,
    change_provider,
    change_values,
    correct,
    together,
    verdicts,
)
from tests.races.meanwhile import VALUES_READ, meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

READ_RUN = "GET /workflow_runs/{run_id}"
UNKNOWN_WORKFLOW = "00000000-0000-0000-0000-000000000000"
MIXED = {"first_name": "clear", "last_name": "consider", "date_of_birth": "unidentified"}
NAMES = ("Bea", "Cleo", "Dora")
_numbers = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def running(
    request: pytest.FixtureRequest, new_settings: Callable[..., Settings]
) -> Iterator[tuple[ConnectorServer, Clock]]:
    """One connector for all tests of a database, and its clock."""
    clock = Clock()
    with ConnectorServer(new_settings(request.param, onfido_read_retries=0), clock) as connector:
        yield connector, clock


@pytest.fixture
def world(running: tuple[ConnectorServer, Clock], simulator: Simulator) -> World:
    """A tenant with a provider and an Onfido to itself; no event arrives by itself."""
    connector, clock = running
    return add_provider(World(connector, simulator, clock, tenant=f"decisions-{next(_numbers)}"))


@pytest.fixture
def ann(world: World) -> Caller:
    """The user ann."""
    return world.add_user()


def end(world: World, caller: Caller, status: str = "review", **outcome: Any) -> str:
    """Start a run, end it at Onfido, and let the connector read it; returns its id."""
    run_id = world.start(caller)
    world.outcome(run_id, status=status, **outcome)
    answer = caller.verify(world.provider_id, "COMPLETED")
    assert answer.status_code == 200, answer.text
    return run_id


def decide(world: World, run_id: str, decision: str = "approve", reason: str = "seen it") -> requests.Response:
    admin = world.connector.caller("the-admin", ADMIN_SCOPES, world.tenant)
    return admin.post(
        f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision", {"decision": decision, "reason": reason}
    )


def decided(world: World, run_id: str, decision: str = "approve") -> dict[str, Any]:
    """Decide, which has to succeed; returns the run."""
    answer = decide(world, run_id, decision)
    assert answer.status_code == 200, answer.text
    run: dict[str, Any] = answer.json()
    return run


def run_of(world: World, run_id: str) -> dict[str, Any]:
    answer = admin_of(world).get(f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}")
    assert answer.status_code == 200, answer.text
    run: dict[str, Any] = answer.json()
    return {name: value for name, value in run.items() if not name.startswith("tasks")}


def assert_refused(answer: requests.Response, *named: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (409, "IDVP-60013"), answer.text
    assert [name for name in named if name not in answer.json()["description"]] == []


def calls(world: World, route: str) -> int:
    return int(world.onfido_state()["requests"].get(route, 0))


def decisions_in(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for each in run["history"] if each["cause"] == "decided"]


# The effect of a decision


def test_approving_verifies_only_claims_that_were_clear(world: World, ann: Caller) -> None:
    run_id = end(world, ann, comparisons=MIXED)
    assert verified(ann.claims()) == set()

    run = decided(world, run_id)

    assert (run["status"], run["decision"]) == ("review", "approved")
    assert verified(ann.claims()) == {GIVEN_NAME}
    assert verdicts(ann) == {GIVEN_NAME: "clear", LAST_NAME: "consider", BIRTH_DATE: "unidentified"}
    assert {claim["claimMetadata"]["onfido_decision"] for claim in ann.claims().values()} == {"approved"}
    assert {each["uri"]: each["isVerified"] for each in run["claims"]}[GIVEN_NAME] is True


def test_declining_verifies_nothing_and_does_not_call_onfido(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    before, asked = verdicts(ann), calls(world, READ_RUN)

    run = decided(world, run_id, "decline")

    assert (run["status"], run["decision"]) == ("review", "declined")
    assert verified(ann.claims()) == set()
    assert verdicts(ann) == before
    assert calls(world, READ_RUN) == asked


def test_the_decision_is_recorded_with_its_reason_and_actor(world: World, ann: Caller) -> None:
    run_id = end(world, ann, comparisons=MIXED)

    moved, claim = decisions_in(decided(world, run_id))

    assert (moved["subject"], moved["name"], moved["from"], moved["to"]) == ("run", run_id, "review", "approved")
    assert moved["detail"] == {"reason": "seen it"}
    assert (claim["subject"], claim["name"], claim["from"], claim["to"]) == ("claim", GIVEN_NAME, "clear", "verified")
    assert {moved["actor"], claim["actor"]} == {as_actor("the-admin")}
    assert claim["detail"] == {}


def test_claims_of_an_earlier_run_stay_verified_after_any_decision(world: World, ann: Caller) -> None:
    end(world, ann, "approved")
    change_values(world, {GIVEN_NAME: "Bea"})
    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}
    run_id = end(world, ann, comparisons={"first_name": "consider", "last_name": "unidentified"})

    decided(world, run_id, "decline")

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_a_correction_made_after_the_review_stays(world: World, ann: Caller, decision: str) -> None:
    run_id = end(world, ann, comparisons=MIXED)
    assert correct(world, [LAST_NAME], is_verified=True).ok

    decided(world, run_id, decision)

    assert LAST_NAME in verified(ann.claims())


def test_a_comparison_that_is_only_in_the_documents_task_counts(world: World, ann: Caller) -> None:
    world.faults(output_shape="none")
    run_id = end(world, ann, comparisons=MIXED)
    decided(world, run_id)
    assert verified(ann.claims()) == {GIVEN_NAME}


def test_results_of_the_output_count_for_a_decision(world: World) -> None:
    nationality, proof = "http://wso2.org/claims/country", "http://wso2.org/claims/verified"
    use_output(world, {nationality: ("/nationality", "value"), proof: ("/proof", "result")})
    ann = world.add_user(values=VALUES)
    run_id = world.start(ann)
    world.outcome(run_id, status="review", output={"nationality": "DEU", "proof": "clear"})
    ann.verify(world.provider_id, "COMPLETED")
    assert verified(ann.claims()) == set()

    decided(world, run_id)

    assert {nationality, proof} <= verified(ann.claims())
    assert_holds_for_current_values(world, ann)


def test_a_value_that_the_user_got_later_is_not_verified_by_the_output(world: World) -> None:
    nationality = "http://wso2.org/claims/country"
    use_output(world, {nationality: ("/nationality", "value")})
    ann = world.add_user(values=VALUES)
    run_id = world.start(ann)
    world.outcome(run_id, status="review", output={"nationality": "DEU"})
    ann.verify(world.provider_id, "COMPLETED")
    change_values(world, {nationality: "FRA"})

    decided(world, run_id)

    assert nationality not in verified(ann.claims())
    assert_holds_for_current_values(world, ann)


@pytest.mark.parametrize("written", ["Ann", "ANN", " ann "])
def test_approving_verifies_a_value_that_the_output_spells_differently(world: World, ann: Caller, written: str) -> None:
    use_output(world, {GIVEN_NAME: ("/given", "value"), LAST_NAME: ("/last", "value")})
    run_id = world.start(ann)
    world.outcome(run_id, status="review", output={"given": written, "last": "Another"})
    ann.verify(world.provider_id, "COMPLETED")

    decided(world, run_id)

    assert GIVEN_NAME in verified(ann.claims())
    assert LAST_NAME not in verified(ann.claims())
    assert_holds_for_current_values(world, ann)


def use_output(world: World, claims: Mapping[str, tuple[str, str]]) -> None:
    """Map claims to the workflow's output."""
    outputs = [{"localClaim": uri, "pointer": pointer, "as": role} for uri, (pointer, role) in claims.items()]
    change_provider(world, studio={"outputClaims": outputs})


def test_the_review_of_a_disabled_provider_can_be_decided(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_provider(world, isEnabled=False)
    decided(world, run_id)
    assert verified(ann.claims()) == set(MAPPING)


# Refused decisions


@pytest.mark.parametrize("status", ["approved", "declined", "abandoned", "error"])
def test_a_run_that_ended_without_a_review_cannot_be_decided(world: World, ann: Caller, status: str) -> None:
    run_id = end(world, ann, status)
    before, asked = run_of(world, run_id), calls(world, READ_RUN)

    for decision in ("approve", "decline"):
        assert_refused(decide(world, run_id, decision), run_id, status)

    assert run_of(world, run_id) == before
    assert calls(world, READ_RUN) == asked


def test_an_open_run_cannot_be_decided(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    before = run_of(world, run_id)
    assert_refused(decide(world, run_id), run_id, "awaiting_input")
    assert run_of(world, run_id) == before


@pytest.mark.parametrize("first", ["approve", "decline"])
@pytest.mark.parametrize("second", ["approve", "decline"])
def test_the_first_decision_stays(world: World, ann: Caller, first: str, second: str) -> None:
    run_id = end(world, ann)
    decided(world, run_id, first)
    before, claims = run_of(world, run_id), ann.claims()

    assert_refused(decide(world, run_id, second), run_id, f"{first}d")

    assert run_of(world, run_id) == before
    assert ann.claims() == claims


@pytest.mark.parametrize("is_ended", [False, True], ids=["open", "ended"])
def test_a_run_replaced_by_a_later_one_cannot_be_decided(world: World, ann: Caller, is_ended: bool) -> None:
    run_id = end(world, ann)
    end(world, ann, "declined", comparisons=MIXED) if is_ended else world.start(ann)
    before, claims = run_of(world, run_id), ann.claims()

    for decision in ("approve", "decline"):
        assert_refused(decide(world, run_id, decision), run_id, "later run")

    assert run_of(world, run_id) == before
    assert ann.claims() == claims


def test_a_later_attempt_without_a_run_does_not_prevent_a_decision(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_provider(world, configProperties=config_properties(world.simulator, workflow_id=UNKNOWN_WORKFLOW))
    assert ann.verify(world.provider_id, "INITIATED").json()["code"] == "OIDV-10042"
    change_provider(world, configProperties=config_properties(world.simulator, workflow_id=WORKFLOW_ID))

    decided(world, run_id)

    assert verified(ann.claims()) == set(MAPPING)


def waiting(world: World) -> list[str]:
    """Return the runs that are listed as waiting for a decision."""
    listed = admin_of(world).get(f"{PROVIDERS}/{world.provider_id}/verifications", params={"needsReview": "true"})
    return [each["runId"] for each in listed.json()["verifications"]]


@pytest.mark.parametrize("is_ended", [False, True], ids=["open", "ended"])
def test_a_run_replaced_by_a_later_one_does_not_wait_for_a_decision(world: World, ann: Caller, is_ended: bool) -> None:
    run_id = end(world, ann)
    of_ben = end(world, world.add_user("ben"))
    assert set(waiting(world)) == {run_id, of_ben}

    end(world, ann, "declined") if is_ended else world.start(ann)

    assert waiting(world) == [of_ben]
    assert (run_of(world, run_id)["needsReview"], run_of(world, of_ben)["needsReview"]) == (False, True)


def test_of_several_reviews_of_a_user_only_the_last_waits_for_a_decision(world: World, ann: Caller) -> None:
    runs = [end(world, ann) for _ in range(3)]
    assert waiting(world) == [runs[-1]]
    decided(world, runs[-1], "decline")
    assert waiting(world) == []


def test_a_review_waits_for_a_decision_again_once_the_later_start_has_failed(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_provider(world, configProperties=config_properties(world.simulator, workflow_id=UNKNOWN_WORKFLOW))
    assert ann.verify(world.provider_id, "INITIATED").json()["code"] == "OIDV-10042"
    assert waiting(world) == [run_id]
    change_provider(world, configProperties=config_properties(world.simulator, workflow_id=WORKFLOW_ID))
    decided(world, run_id)


def test_a_verification_with_another_provider_replaces_no_review(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    other = admin_of(world).post(PROVIDERS, provider_body(world.simulator, name="Another")).json()["id"]
    assert ann.verify(other, "INITIATED").status_code == 200
    assert waiting(world) == [run_id]


def test_runs_of_other_users_do_not_prevent_a_decision(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    end(world, world.add_user("ben"), "declined")
    other = admin_of(world).post(PROVIDERS, provider_body(world.simulator, name="Another")).json()["id"]
    assert ann.verify(other, "INITIATED").status_code == 200
    decided(world, run_id)


@pytest.mark.parametrize("reason", ["", " \t", "x" * 1001, "nul\0", "no unicode \udcff"])
def test_a_decision_needs_a_storable_reason(world: World, ann: Caller, reason: str) -> None:
    run_id = end(world, ann)
    before, services = run_of(world, run_id), world.connector.services
    found = services.lookup.find(Tenant(world.tenant), run_id)

    with pytest.raises(InvalidField, match=r"^reason: "):
        services.decisions.decide(found, is_approved=True, reason=reason, actor="the-admin")

    assert run_of(world, run_id) == before


@pytest.mark.parametrize("switch", ["failed", "throttled"])
def test_no_decision_is_made_without_onfidos_answer(world: World, ann: Caller, switch: str) -> None:
    run_id = end(world, ann)
    before = run_of(world, run_id)
    world.faults(route=READ_RUN, retry_after=0, **{switch: -1})

    answer = decide(world, run_id)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert run_of(world, run_id) == before
    world.faults(**{switch: 0})
    decided(world, run_id)


def test_a_run_that_has_not_ended_at_onfido_cannot_be_approved(world: World, ann: Caller) -> None:
    """A signed event may report that a run is in review; the verified values are read from Onfido."""
    run_id = world.start(ann)
    world.outcome(run_id, status="processing")
    mark_as_review(world, run_id)

    assert_refused(decide(world, run_id), run_id, "processing")

    assert world.connector.services.lookup.find(Tenant(world.tenant), run_id).decision is None
    assert verified(ann.claims()) == set()


def mark_as_review(world: World, run_id: str) -> None:
    """Post an event of a review to the connector, although the run is not in review at Onfido."""
    assert world.post_event(event_body(run_id, "review", dict.fromkeys(MIXED, "clear"))).status_code == 200


# Values that change


def test_a_changed_value_is_not_verified_by_a_decision(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_values(world, {GIVEN_NAME: "Bea"})

    run = decided(world, run_id)

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}
    assert {each["uri"] for each in run["claims"] if each["valueChanged"]} == {GIVEN_NAME}
    assert_holds_for_current_values(world, ann)


def test_a_value_changed_before_changes_were_recorded_is_not_verified_by_a_decision(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_values(world, {GIVEN_NAME: "Bea"})
    with world.connector.services.database.write() as connection:
        connection.execute(update(verification_claims).values(is_stale=False))

    decided(world, run_id)

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}
    assert_holds_for_current_values(world, ann)


def test_a_removed_value_is_not_verified_by_a_decision(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_values(world, {BIRTH_DATE: ""})
    decided(world, run_id)
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    assert_holds_for_current_values(world, ann)


@pytest.mark.parametrize("moment", ["before the end", "after the end"])
def test_a_value_that_changed_and_changed_back_must_be_verified_again(world: World, ann: Caller, moment: str) -> None:
    run_id = world.start(ann)
    if moment == "before the end":
        change_and_change_back(world)
    world.outcome(run_id, status="review")
    ann.verify(world.provider_id, "COMPLETED")
    if moment == "after the end":
        change_and_change_back(world)

    decided(world, run_id)

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def change_and_change_back(world: World) -> None:
    change_values(world, {GIVEN_NAME: "Bea"})
    change_values(world, VALUES)


def test_a_value_changed_after_the_decision_is_no_longer_verified(world: World, ann: Caller) -> None:
    decided(world, end(world, ann))
    assert verified(ann.claims()) == set(MAPPING)
    change_values(world, {GIVEN_NAME: "Bea"})
    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}


def test_a_value_corrected_since_stays_verified(world: World, ann: Caller) -> None:
    run_id = end(world, ann)
    change_values(world, {GIVEN_NAME: "Bea"})
    assert correct(world, [GIVEN_NAME], is_verified=True).ok

    decided(world, run_id)

    assert verified(ann.claims()) == set(MAPPING)
    assert_holds_for_current_values(world, ann)


# Races


def test_a_value_changed_right_after_it_was_read_is_not_verified(world: World, ann: Caller) -> None:
    run_id = end(world, ann)

    with meanwhile(VALUES_READ, partial(change_values, world, {GIVEN_NAME: "Bea"})):
        decided(world, run_id)

    assert verified(ann.claims()) == {LAST_NAME, BIRTH_DATE}
    assert_holds_for_current_values(world, ann)


def test_a_value_changed_during_a_decision_is_never_verified(world: World) -> None:
    for number in range(6):
        user_id = f"user-{number}"
        user = world.add_user(user_id)
        run_id = end(world, user)

        _, answer = together(
            [
                partial(change_values, world, {GIVEN_NAME: NAMES[number % len(NAMES)]}, user_id),
                partial(decide, world, run_id),
            ]
        )

        assert answer.status_code == 200, answer.text
        assert verified(user.claims()) == {LAST_NAME, BIRTH_DATE}
        assert_holds_for_current_values(world, user, user_id)


def test_only_one_of_many_concurrent_decisions_counts(world: World) -> None:
    for number in range(3):
        user = world.add_user(f"user-{number}")
        run_id = end(world, user)

        answers = together([partial(decide, world, run_id, ("approve", "decline")[n % 2]) for n in range(8)])

        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 7}
        run = run_of(world, run_id)
        assert verified(user.claims()) == (set(MAPPING) if run["decision"] == "approved" else set())
        assert [each["to"] for each in decisions_in(run) if each["subject"] == "run"] == [run["decision"]]


def test_a_run_started_while_an_earlier_one_is_decided_replaces_it(world: World, ann: Caller) -> None:
    run_id = end(world, ann)

    with meanwhile(VALUES_READ, partial(world.start, ann)):
        assert_refused(decide(world, run_id), "later run")

    assert run_of(world, run_id)["decision"] is None
    assert verified(ann.claims()) == set()


def test_a_concurrent_decision_and_new_start_do_not_contradict_each_other(world: World) -> None:
    for number in range(6):
        user = world.add_user(f"user-{number}")
        run_id = end(world, user)

        answer, start = together([partial(decide, world, run_id), partial(user.verify, world.provider_id, "INITIATED")])

        is_decided = answer.status_code == 200
        assert is_decided or (answer.status_code, answer.json()["code"]) == (409, "IDVP-60013")
        assert start.status_code == 200 or start.json()["code"] == "OIDV-10049", start.text
        assert is_decided or start.status_code == 200, "neither had a reason to be refused"
        assert verified(user.claims()) == (set(MAPPING) if is_decided else set())


def test_a_refresh_during_a_decision_changes_nothing(world: World) -> None:
    for number in range(3):
        user = world.add_user(f"user-{number}")
        run_id = end(world, user)
        refresh = partial(admin_of(world).post, f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/refresh", None)

        answers = together([refresh, partial(decide, world, run_id), refresh])

        assert [answer.status_code for answer in answers] == [200, 200, 200]
        run = run_of(world, run_id)
        assert (run["status"], run["decision"]) == ("review", "approved")
        assert verified(user.claims()) == set(MAPPING)


def test_a_decision_about_a_user_removed_meanwhile_is_refused(world: World, ann: Caller) -> None:
    run_id = end(world, ann)

    with meanwhile(VALUES_READ, partial(world.connector.services.users.remove, Tenant(world.tenant), "ann")):
        answer = decide(world, run_id)

    assert (answer.status_code, answer.json()["code"]) == (404, "IDVP-60010")
    assert admin_of(world).get("/api/users/v1/ann/idv/claims").status_code == 404
