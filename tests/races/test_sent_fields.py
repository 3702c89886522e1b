"""The fields of an applicant are recorded before they are sent, despite interruptions and races."""

from __future__ import annotations

import pytest

from connector.store.verifications import applicants
from tests.harness import Caller, World
from tests.patience import LEASE
from tests.races.attack import change_provider, change_values, onfido_get, sent_values, settle
from tests.races.meanwhile import VALUES_READ, meanwhile
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, VALUES

NAMES = (GIVEN_NAME, LAST_NAME)
CHANGE_APPLICANT = "PUT /applicants/{applicant_id}"
CREATE_APPLICANT = "POST /applicants"


@pytest.fixture
def ann(quiet: World) -> Caller:
    """A user with an applicant that was sent the names, and no open run."""
    caller = quiet.add_user()
    settle(quiet, quiet.start(caller, NAMES), "declined")
    return caller


def break_off(world: World, caller: Caller, route: str, switch: str) -> None:
    """Initiate for the birth date with a failure of one call to Onfido."""
    world.faults(route=route, **{switch: 1})
    assert caller.verify(world.provider_id, "INITIATED", [BIRTH_DATE]).status_code == 503


@pytest.mark.parametrize("switch", ["dropped_after", "failed"])
def test_the_fields_of_an_unanswered_update_are_sent_again(quiet: World, ann: Caller, switch: str) -> None:
    break_off(quiet, ann, CHANGE_APPLICANT, switch)
    change_values(quiet, {BIRTH_DATE: "1990-01-31"})

    run_id = quiet.start(ann, NAMES)

    assert sent_values(quiet, run_id)[BIRTH_DATE] == "1990-01-31"


def test_removed_fields_of_an_unanswered_update_cause_a_new_applicant(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, CHANGE_APPLICANT, "dropped_after")
    change_values(quiet, {BIRTH_DATE: ""})

    run_id = quiet.start(ann, NAMES)

    assert set(sent_values(quiet, run_id)) == set(NAMES)


def test_an_applicant_whose_creation_was_not_answered_is_never_used(quiet: World) -> None:
    ben = quiet.add_user("ben", VALUES)
    break_off(quiet, ben, CREATE_APPLICANT, "dropped_after")
    change_values(quiet, {BIRTH_DATE: ""}, "ben")

    run_id = quiet.start(ben, NAMES)

    assert set(sent_values(quiet, run_id)) == set(NAMES)


def test_a_value_that_changes_while_it_is_sent_is_verified_by_the_next_run(quiet: World, ann: Caller) -> None:
    settle(quiet, quiet.start(ann, [BIRTH_DATE]), "declined")
    with meanwhile(VALUES_READ, lambda: change_values(quiet, {BIRTH_DATE: ""})):
        settle(quiet, quiet.start(ann, NAMES), "declined")

    run_id = quiet.start(ann, NAMES)

    assert set(sent_values(quiet, run_id)) == set(NAMES)


def test_a_mapping_changed_during_an_interrupted_attempt_leaves_no_field_behind(quiet: World, ann: Caller) -> None:
    break_off(quiet, ann, CHANGE_APPLICANT, "dropped_after")
    quiet.clock.advance(LEASE)
    names = [{"localClaim": GIVEN_NAME, "idvpClaim": "first_name"}, {"localClaim": LAST_NAME, "idvpClaim": "last_name"}]
    change_provider(quiet, claims=names)

    run_id = quiet.start(ann, NAMES)

    assert set(sent_values(quiet, run_id)) == set(NAMES)


def test_fields_are_recorded_before_they_are_sent(quiet: World, ann: Caller) -> None:
    [before] = quiet.verifications("ann")
    break_off(quiet, ann, CHANGE_APPLICANT, "failed")

    [current, _] = quiet.verifications("ann")
    with quiet.connector.services.database.read() as connection:
        known = applicants.find_latest(connection, current)

    assert known is not None
    assert known.applicant_id == before.applicant_id
    assert known.fields == {"first_name", "last_name", "dob"}
    assert "dob" not in onfido_get(quiet, f"applicants/{known.applicant_id}")
