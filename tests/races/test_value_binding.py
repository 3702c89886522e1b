"""A verification holds only for the verified value, whenever and however the value changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from string import ascii_lowercase

import pytest

from connector.domain.tenancy import Tenant
from connector.services.providers.deletion import DeleteApplicant
from tests.between import Between
from tests.bodies import config_properties
from tests.harness import Caller, World, verified
from tests.races.attack import (
    ALL_VERIFIED,
    BEING_STARTED,
    CLAIMS,
    UNREACHABLE,
    add_provider,
    admin_of,
    all_claims,
    applicants_at_onfido,
    assert_holds_for_current_values,
    change_provider,
    change_silently,
    change_values,
    correct,
    onfido_get,
    outcome_of,
    runs_at_onfido,
    sent_values,
    settle,
    verdicts,
)
from tests.races.meanwhile import APPLICANT_LOOKED_FOR, VALUES_READ, meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING, VALUES

START_RUN = "POST /workflow_runs"
REMOVED = (400, "OIDV-10014")
UNCHANGED = {LAST_NAME, BIRTH_DATE}


def test_a_value_changed_before_the_run_is_verified(quiet: World, ann: Caller) -> None:
    change_values(quiet, {GIVEN_NAME: "Bea"})
    run_id = quiet.start(ann)
    settle(quiet, run_id)

    assert sent_values(quiet, run_id) == VALUES | {GIVEN_NAME: "Bea"}
    assert verified(ann.claims()) == set(MAPPING)
    assert_holds_for_current_values(quiet, ann)


def test_a_value_changed_during_the_run_is_not_verified(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    change_values(quiet, {GIVEN_NAME: "Bea"})
    settle(quiet, run_id)

    assert verified(ann.claims()) == UNCHANGED
    assert verdicts(ann)[GIVEN_NAME] == "value_changed"
    settle(quiet, quiet.start(ann))
    assert verified(ann.claims()) == set(MAPPING)


def test_a_value_changed_after_the_run_is_no_longer_verified(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann))
    change_values(quiet, {GIVEN_NAME: "Bea"})

    assert verified(ann.claims()) == UNCHANGED
    assert verdicts(ann)[GIVEN_NAME] == "value_changed"


def test_setting_the_same_value_again_is_not_a_change(quiet: World, ann: Caller) -> None:
    run_id = quiet.start(ann)
    change_values(quiet, VALUES)
    settle(quiet, run_id)
    change_values(quiet, VALUES)

    assert verified(ann.claims()) == set(MAPPING)


def change_around_the_end(quiet: World, ann: Caller, moment: str, *changes: dict[str, str]) -> None:
    """Verify a user whose values change during the run, or after it."""
    run_id = quiet.start(ann)
    if moment == "after":
        settle(quiet, run_id)
    for change in changes:
        change_values(quiet, change)
    if moment == "during":
        settle(quiet, run_id)


@pytest.mark.parametrize("moment", ["during", "after"])
def test_a_removed_value_is_no_longer_verified(quiet: World, ann: Caller, moment: str) -> None:
    change_around_the_end(quiet, ann, moment, {BIRTH_DATE: ""})

    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    refused = ann.verify(quiet.provider_id, "INITIATED", [BIRTH_DATE])
    assert outcome_of(refused) == (400, "OIDV-10002")
    assert BIRTH_DATE in refused.json()["description"]
    change_values(quiet, {BIRTH_DATE: VALUES[BIRTH_DATE]})
    assert verified(ann.claims()) == {GIVEN_NAME, LAST_NAME}
    settle(quiet, quiet.start(ann))
    assert verified(ann.claims()) == set(MAPPING)


@pytest.mark.parametrize("moment", ["during", "after"])
def test_a_value_that_changes_and_changes_back_must_be_verified_again(quiet: World, ann: Caller, moment: str) -> None:
    change_around_the_end(quiet, ann, moment, {GIVEN_NAME: "Bea"}, {GIVEN_NAME: "Ann"})

    assert verified(ann.claims()) == UNCHANGED
    settle(quiet, quiet.start(ann))
    assert verified(ann.claims()) == set(MAPPING)


def test_a_change_applies_to_every_provider_but_only_to_its_user(quiet: World, ann: Caller) -> None:
    other, bea = add_provider(quiet, "Second"), quiet.add_user("bea")
    elsewhere = add_provider(replace(quiet, tenant=f"{quiet.tenant}-elsewhere"))
    ann_elsewhere = elsewhere.add_user()
    for world, user in ((quiet, ann), (other, ann), (quiet, bea), (elsewhere, ann_elsewhere)):
        settle(world, world.start(user))

    change_values(quiet, {GIVEN_NAME: "Cleo"})

    assert {uri for (_, uri), is_verified in all_claims(ann).items() if not is_verified} == {GIVEN_NAME}
    assert sum(all_claims(ann).values()) == 4
    assert verified(bea.claims()) == verified(ann_elsewhere.claims()) == set(MAPPING)


def test_a_change_applies_to_the_runs_of_every_provider(quiet: World, ann: Caller) -> None:
    worlds = (quiet, add_provider(quiet, "Second"))
    runs = [world.start(ann) for world in worlds]
    change_values(quiet, {GIVEN_NAME: "Bea"})
    for world, run_id in zip(worlds, runs, strict=True):
        settle(world, run_id)

    assert {uri for (_, uri), is_verified in all_claims(ann).items() if not is_verified} == {GIVEN_NAME}
    assert_holds_for_current_values(quiet, ann)


def test_a_correction_applies_to_the_value_of_its_time(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), "declined")
    assert correct(quiet, MAPPING, is_verified=True).ok
    assert verified(ann.claims()) == set(MAPPING)

    change_values(quiet, {GIVEN_NAME: "Bea"})

    assert verified(ann.claims()) == UNCHANGED


def test_a_claim_verified_before_it_has_a_value_is_unverified_by_its_first_value(quiet: World) -> None:
    ann = quiet.add_user(values={GIVEN_NAME: "Ann", LAST_NAME: "Example"})
    entry = {"uri": BIRTH_DATE, "idVProviderId": quiet.provider_id, "isVerified": True}
    assert admin_of(quiet).post(CLAIMS.format("ann"), [entry]).status_code == 201

    change_values(quiet, {BIRTH_DATE: "1990-01-01"})

    assert verified(ann.claims()) == set()


@pytest.mark.parametrize("result", ["clear", "consider"])
def test_a_result_for_an_old_value_does_not_change_one_verified_since(quiet: World, ann: Caller, result: str) -> None:
    run_id = quiet.start(ann)
    change_values(quiet, {GIVEN_NAME: "Bea"})
    assert correct(quiet, [GIVEN_NAME], is_verified=True).ok

    settle(quiet, run_id, first_name=result)

    assert verified(ann.claims()) == set(MAPPING)
    assert_holds_for_current_values(quiet, ann)


def initiate(world: World, caller: Caller) -> str:
    """Start a run, end it with clear comparisons of all sent values, and return its id."""
    run_id = world.start(caller)
    settle(world, run_id)
    return run_id


def test_a_change_right_after_the_values_were_read_is_detected(quiet: World, ann: Caller) -> None:
    with meanwhile(VALUES_READ, partial(change_values, quiet, {GIVEN_NAME: "Bea"})):
        run_id = initiate(quiet, ann)

    assert sent_values(quiet, run_id) == VALUES | {GIVEN_NAME: "Bea"}
    assert verified(ann.claims()) == set(MAPPING)
    assert_holds_for_current_values(quiet, ann)


def test_a_change_right_after_a_resumed_attempt_read_the_values_is_detected(quiet: World, ann: Caller) -> None:
    quiet.faults(route="POST /applicants", failed=1)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == UNREACHABLE

    with meanwhile(VALUES_READ, partial(change_values, quiet, {GIVEN_NAME: "Bea"})):
        run_id = initiate(quiet, ann)

    assert_holds_for_current_values(quiet, ann)
    assert sent_values(quiet, run_id) == VALUES | {GIVEN_NAME: "Bea"}
    assert verified(ann.claims()) == set(MAPPING)


def test_a_change_right_after_a_resumed_attempt_read_another_claim_is_detected(quiet: World, ann: Caller) -> None:
    quiet.faults(route="POST /applicants", failed=1)
    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED", [LAST_NAME])) == UNREACHABLE

    with meanwhile(VALUES_READ, partial(change_values, quiet, {GIVEN_NAME: "Bea"})):
        initiate(quiet, ann)

    assert_holds_for_current_values(quiet, ann)
    assert verified(ann.claims()) == set(MAPPING)


def test_a_change_while_the_values_are_sent_causes_another_update(quiet: World, ann: Caller) -> None:
    applicants = applicants_at_onfido(quiet)
    with meanwhile(APPLICANT_LOOKED_FOR, partial(change_values, quiet, {GIVEN_NAME: "Bea"})):
        run_id = initiate(quiet, ann)

    assert sent_values(quiet, run_id) == VALUES | {GIVEN_NAME: "Bea"}
    assert verified(ann.claims()) == set(MAPPING)
    assert applicants_at_onfido(quiet) == applicants + 1


@pytest.mark.parametrize("is_again", [False, True], ids=["create", "update"])
def test_a_change_while_onfido_takes_the_values_causes_another_update(
    quiet: World, ann: Caller, onfido: Between, *, is_again: bool
) -> None:
    call = "POST", "/applicants"
    if is_again:
        settle(quiet, quiet.start(ann), "declined")
        call = "PUT", f"/applicants/{quiet.verifications('ann')[0].applicant_id}"
    held = onfido.hold(*call)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(quiet.start, ann)
        held.wait()
        change_values(quiet, {GIVEN_NAME: "Bea"})
        held.may_go.set()
        run_id = started.result()

    assert sent_values(quiet, run_id) == VALUES | {GIVEN_NAME: "Bea"}
    settle(quiet, run_id)
    assert verified(ann.claims()) == set(MAPPING)
    assert_holds_for_current_values(quiet, ann)


def test_a_change_between_the_values_and_the_run_is_not_verified(quiet: World, ann: Caller) -> None:
    quiet.faults(route=START_RUN, latency_ms=60_000)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(quiet.start, ann)
        quiet.wait_until(lambda: START_RUN in quiet.onfido_state()["requests"])
        change_values(quiet, {GIVEN_NAME: "Bea"})
        assert not started.done()
        quiet.faults(latency_ms=0)
    settle(quiet, started.result())

    assert verified(ann.claims()) == UNCHANGED


def test_a_correction_made_while_the_value_changes_is_withdrawn(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), "declined")
    with meanwhile(VALUES_READ, partial(change_values, quiet, {GIVEN_NAME: "Bea"})):
        answer = correct(quiet, MAPPING, is_verified=True)

    corrected = {claim["uri"]: claim["isVerified"] for claim in answer.json()}
    assert corrected == dict.fromkeys(UNCHANGED, True) | {GIVEN_NAME: False}
    assert verified(ann.claims()) == UNCHANGED
    assert_holds_for_current_values(quiet, ann)


def change_and_correct(world: World) -> None:
    change_values(world, {GIVEN_NAME: "Bea"})
    assert correct(world, [GIVEN_NAME], is_verified=True).ok


def test_a_late_reading_of_the_values_does_not_undo_a_newer_correction(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), "declined")
    with meanwhile(VALUES_READ, partial(change_and_correct, quiet), occurrence=2):
        assert correct(quiet, [GIVEN_NAME], is_verified=True).ok

    assert verified(ann.claims()) == {GIVEN_NAME}
    assert_holds_for_current_values(quiet, ann)


def test_a_late_reading_by_an_initiation_does_not_undo_a_newer_correction(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann), "declined")
    with meanwhile(VALUES_READ, partial(change_and_correct, quiet)):
        quiet.start(ann)

    assert verified(ann.claims()) == {GIVEN_NAME}
    assert_holds_for_current_values(quiet, ann)


def test_an_initiation_withdraws_claims_whose_value_changed_unnoticed(quiet: World, ann: Caller) -> None:
    other = add_provider(quiet, "Second")
    for world in (quiet, other):
        settle(world, world.start(ann))
    change_silently(quiet, {GIVEN_NAME: "Bea"})
    assert verified(ann.claims()) == set(MAPPING)

    quiet.start(ann)

    assert {key for key, is_verified in all_claims(ann).items() if not is_verified} == {
        (quiet.provider_id, GIVEN_NAME),
        (other.provider_id, GIVEN_NAME),
    }


def test_an_initiation_for_verified_claims_withdraws_no_other_claim(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann))
    change_silently(quiet, {GIVEN_NAME: "Bea"})

    assert outcome_of(ann.verify(quiet.provider_id, "INITIATED", [LAST_NAME])) == ALL_VERIFIED
    assert verified(ann.claims()) == set(MAPPING)


def test_constantly_changing_values_start_no_run_and_do_not_lock_the_user_out(quiet: World, ann: Caller) -> None:
    names = iter(ascii_lowercase)
    with meanwhile(VALUES_READ, lambda: change_values(quiet, {GIVEN_NAME: next(names)}), every=True):
        assert outcome_of(ann.verify(quiet.provider_id, "INITIATED")) == BEING_STARTED

    assert runs_at_onfido(quiet) == set()
    initiate(quiet, ann)
    assert verified(ann.claims()) == set(MAPPING)


@pytest.mark.parametrize("point", [VALUES_READ, APPLICANT_LOOKED_FOR])
def test_a_value_removed_while_it_is_sent_is_not_verified(quiet: World, ann: Caller, point: str) -> None:
    with meanwhile(point, partial(change_values, quiet, {BIRTH_DATE: ""})):
        ann.verify(quiet.provider_id, "INITIATED")
    for run_id in runs_at_onfido(quiet):
        settle(quiet, run_id)

    assert BIRTH_DATE not in verified(ann.claims())
    assert_holds_for_current_values(quiet, ann)


def test_a_field_that_an_administrator_sends_from_another_claim_verifies_neither_claim(
    quiet: World, ann: Caller
) -> None:
    nickname = "http://wso2.org/claims/nickname"
    change_values(quiet, {nickname: "Bea"})
    run_id = quiet.start(ann)
    remapped = {nickname: "first_name", LAST_NAME: "last_name"}
    change_provider(
        quiet,
        claims=[{"localClaim": uri, "idvpClaim": name} for uri, name in remapped.items()],
        configProperties=config_properties(quiet.simulator, webhook_token=quiet.webhook_token),
    )
    applicant_id = onfido_get(quiet, f"workflow_runs/{run_id}")["applicant_id"]

    quiet.connector.services.applicants.update(Tenant(quiet.tenant), quiet.provider_id, applicant_id)
    settle(quiet, run_id)

    assert sent_values(quiet, run_id)[GIVEN_NAME] == "Bea"
    assert verified(ann.claims()) == UNCHANGED


def test_an_applicant_created_while_its_user_is_removed_is_deleted(quiet: World, ann: Caller) -> None:
    services = quiet.connector.services
    with meanwhile(APPLICANT_LOOKED_FOR, lambda: services.users.remove(Tenant(quiet.tenant), "ann")):
        refused = ann.verify(quiet.provider_id, "INITIATED")

    assert outcome_of(refused) == REMOVED
    rows = services.outbox.page(("ready", "done"), 100)
    deletions = [row for row in rows if row.kind == DeleteApplicant.kind and row.payload["tenant"] == quiet.tenant]
    assert len(deletions) == 1


def test_a_claim_added_while_its_user_is_removed_is_deleted(quiet: World, ann: Caller) -> None:
    entry = {"uri": "without-a-value", "idVProviderId": quiet.provider_id, "isVerified": True}
    with meanwhile(VALUES_READ, lambda: quiet.connector.services.users.remove(Tenant(quiet.tenant), "ann")):
        refused = admin_of(quiet).post(CLAIMS.format("ann"), [entry])

    assert refused.status_code == 404, refused.text
    quiet.add_user()
    assert ann.claims() == {}
