"""Upkeep without requests: lost results are fetched, interrupted verifications ended, personal data removed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from click.testing import Result
from sqlalchemy import inspect, select
from structlog.testing import capture_logs

from connector.services.upkeep import Sweep
from connector.store.models import events, history, metadata, verifications
from tests.bodies import event_body
from tests.harness import Caller, World, run_id_of, verified
from tests.services.ageing import let_pass
from tests.values import BIRTH_DATE, GIVEN_NAME, LAST_NAME, MAPPING

READ_RUN, START_RUN, FIND_RUN = "GET /workflow_runs/{run_id}", "POST /workflow_runs", "GET /workflow_runs"
CREATE_APPLICANT, DELETE_APPLICANT = "POST /applicants", "DELETE /applicants/{applicant_id}"
MINUTE, HOUR, DAY = 60, 3600, 86_400
BREAK_OFF_TIME = 11 * MINUTE  # a little more
PERSONAL = {GIVEN_NAME: "Zebulonia", LAST_NAME: "Quartermainsen", BIRTH_DATE: "1987-11-23"}
ALL_CLEAR = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}
Run = Callable[..., Result]


def calls(world: World, route: str) -> int:
    return int(world.onfido_state()["requests"].get(route, 0))


def runs_at_onfido(world: World) -> list[str]:
    return [run["id"] for run in world.onfido_state()["runs"]]


def sweep(world: World) -> None:
    """Sweep as a worker does, and wait for everything that follows."""
    world.sweep()
    world.wait_until(lambda: not world.connector.services.outbox.page(("ready",), 10))


def break_off(world: World, caller: Caller, route: str, switch: str) -> None:
    world.faults(route=route, **{switch: 1})
    assert caller.verify(world.provider_id, "INITIATED").status_code == 503


# Results


def test_a_result_whose_webhook_was_lost_is_fetched(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    world.outcome(world.start(ann))
    world.clock.advance(3 * MINUTE)

    sweep(world)

    assert verified(ann.claims()) == set(MAPPING)


def test_a_result_is_fetched_after_an_outage_of_onfido(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    world.outcome(world.start(ann))
    world.clock.advance(3 * MINUTE)
    world.faults(route=READ_RUN, failed=-1)
    world.connector.services.upkeep.sweep(Sweep())
    world.wait_until(lambda: any(row.history for row in world.connector.services.outbox.page(("ready",), 10)))
    assert verified(ann.claims()) == set()

    world.faults(failed=0)
    let_pass(world.connector.services.database, timedelta(hours=1))
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))


def test_the_result_of_a_disabled_provider_is_fetched(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    world.outcome(world.start(ann))
    provider = f"/api/server/v1/idv-providers/{world.provider_id}"
    admin = world.connector.as_admin()
    body = {key: value for key, value in admin.get(provider).json().items() if key != "id"}
    assert admin.put(provider, body | {"isEnabled": False}).status_code == 200
    world.clock.advance(3 * MINUTE)

    sweep(world)

    assert verified(ann.claims()) == set(MAPPING)


def test_young_runs_and_ended_runs_are_not_fetched(world: World) -> None:
    ann = world.add_user()
    run_id = world.start(ann)
    sweep(world)
    assert calls(world, READ_RUN) == 0
    world.outcome(run_id)
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    world.clock.advance(30 * DAY)
    sweep(world)
    assert calls(world, READ_RUN) == 0


@pytest.mark.one_database
def test_open_runs_are_fetched_less_and_less_often(world: World) -> None:
    world.start(world.add_user())
    looks = []
    for _ in range(24):
        world.clock.advance(10 * MINUTE)
        before = calls(world, READ_RUN)
        sweep(world)
        looks.append(calls(world, READ_RUN) - before)

    hours = [sum(looks[at : at + 6]) for at in range(0, 24, 6)]
    assert hours[0] > hours[1] > hours[3] > 0
    world.clock.advance(30 * DAY)
    for _ in range(3):
        sweep(world)
        world.clock.advance(4 * HOUR)
    assert calls(world, READ_RUN) == sum(looks) + 1, "twice a day, at the least"


def test_two_concurrent_sweeps_fetch_a_run_once(world: World) -> None:
    world.start(world.add_user())
    world.clock.advance(3 * MINUTE)
    for _ in range(3):
        world.connector.services.upkeep.sweep(Sweep())
    sweep(world)
    assert calls(world, READ_RUN) == 1


def test_a_run_that_stays_open_for_long_is_reported_to_the_operator(world: World) -> None:
    run_id = world.start(world.add_user())
    world.clock.advance(8 * DAY)
    with capture_logs() as logs:
        sweep(world)
    [told] = [entry for entry in logs if entry["event"] == "run.open_too_long"]
    assert (told["run_id"], told["days"], told["log_level"]) == (run_id, 8, "warning")
    assert world.verifications()[0].closed_at is None


def test_an_event_parked_before_its_run_was_known_is_applied_by_the_sweep(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    break_off(world, ann, START_RUN, "dropped_after")
    [run_id] = runs_at_onfido(world)
    event = event_body(run_id, "approved", ALL_CLEAR)
    assert world.post_event(event).status_code == 200
    assert verified(ann.claims()) == set()
    world.clock.advance(BREAK_OFF_TIME)

    sweep(world)

    assert verified(ann.claims()) == set(MAPPING)
    assert calls(world, READ_RUN) == 0, "the event contained all values"
    assert world.post_event(event).status_code == 200


def test_a_result_that_needs_the_runs_tasks_is_fetched_from_them(world: World) -> None:
    ann = world.add_user()
    world.faults(output_shape="none")
    world.outcome(world.start(ann), status="approved", comparisons={"last_name": "consider"})
    world.wait_until(lambda: verified(ann.claims()) == {GIVEN_NAME, BIRTH_DATE})


def test_the_reasons_of_a_declined_run_are_fetched_from_its_tasks(world: World) -> None:
    ann = world.add_user()
    world.faults(output_shape="none")
    world.outcome(world.start(ann), status="declined", comparisons={"last_name": "consider"})
    world.wait_until(lambda: world.verifications()[0].closed_at is not None)
    assert ann.claims()[LAST_NAME]["claimMetadata"]["onfido_verification_status"] == "consider"


# Attempts that broke off


def test_a_run_started_without_an_answer_is_found_and_its_result_applied(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    break_off(world, ann, START_RUN, "dropped_after")
    [run_id] = runs_at_onfido(world)
    world.clock.advance(BREAK_OFF_TIME)
    sweep(world)
    [verification] = world.verifications()
    assert (verification.run_id, verification.status) == (run_id, "awaiting_input")
    resumed = ann.verify(world.provider_id, "REINITIATED")
    assert run_id_of(resumed) == run_id

    world.outcome(run_id)
    world.clock.advance(3 * MINUTE)
    sweep(world)

    assert verified(ann.claims()) == set(MAPPING)
    assert runs_at_onfido(world) == [run_id]


def test_a_run_that_ended_before_it_was_found_is_applied_at_once(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    break_off(world, ann, START_RUN, "failed_after")
    [run_id] = runs_at_onfido(world)
    world.outcome(run_id)
    world.clock.advance(BREAK_OFF_TIME)
    sweep(world)
    assert verified(ann.claims()) == set(MAPPING)


def test_a_verification_whose_run_was_never_started_is_closed(world: World) -> None:
    ann = world.add_user()
    break_off(world, ann, START_RUN, "failed")
    world.clock.advance(BREAK_OFF_TIME)
    sweep(world)
    [verification] = world.verifications()
    assert (verification.status, verification.run_id) == ("error", None)
    assert verification.closed_at is not None
    assert verification.failure
    with world.connector.services.database.read() as connection:
        [told] = connection.execute(select(history).where(history.c.verification_id == verification.verification_id))
    assert (told.previous, told.current, told.cause) == ("starting", "error", "sweep")

    world.outcome(world.start(ann))
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    assert calls(world, CREATE_APPLICANT) == 1


def test_a_verification_that_created_nothing_at_onfido_is_deleted(world: World) -> None:
    ann = world.add_user()
    break_off(world, ann, CREATE_APPLICANT, "failed")
    world.clock.advance(BREAK_OFF_TIME)
    sweep(world)
    assert world.verifications() == []


def test_a_verification_is_not_closed_while_onfido_is_unavailable(world: World) -> None:
    ann = world.add_user()
    world.faults(webhooks_lost=-1)
    break_off(world, ann, START_RUN, "dropped_after")
    world.clock.advance(BREAK_OFF_TIME)
    world.faults(route=FIND_RUN, failed=-1)
    world.connector.services.upkeep.sweep(Sweep())
    world.wait_until(lambda: any(row.history for row in world.connector.services.outbox.page(("ready",), 10)))
    assert world.verifications()[0].closed_at is None

    world.faults(failed=0)
    let_pass(world.connector.services.database, timedelta(hours=1))
    world.wait_until(lambda: world.verifications()[0].run_id is not None)

    assert [world.verifications()[0].run_id] == runs_at_onfido(world)


# Personal data


def contents(world: World) -> dict[str, str]:
    """Return the database's content as text, by table."""
    with world.connector.services.database.read() as connection:
        known = set(inspect(connection).get_table_names())
        tables = [table for table in metadata.sorted_tables if table.name in known]
        return {table.name: str(connection.execute(select(table)).all()) for table in tables}


def tables_with(world: World, *texts: str) -> set[str]:
    found = contents(world)
    assert len(found) > 8
    return {table for table, content in found.items() if any(text in content for text in texts)}


def stored_bodies(world: World) -> list[str | None]:
    with world.connector.services.database.read() as connection:
        return list(connection.execute(select(events.c.body)).scalars())


def test_the_bodies_of_events_are_encrypted_and_erased_after_their_retention(world: World) -> None:
    ann = world.add_user(values=PERSONAL)
    run_id = world.start(ann)
    body = event_body(run_id, "approved", ALL_CLEAR, applicant={"first_name": PERSONAL[GIVEN_NAME]})
    assert world.post_event(body).status_code == 200
    assert world.post_event(event_body("never-heard-of", "approved", ALL_CLEAR)).status_code == 200
    assert None not in stored_bodies(world)
    assert tables_with(world, *PERSONAL.values()) == set()

    world.clock.advance(29 * DAY)
    sweep(world)
    assert stored_bodies(world).count(None) == 1, "an event of a run that nothing is known of waits for a day"
    world.clock.advance(2 * DAY)
    sweep(world)

    assert set(stored_bodies(world)) == {None}
    assert world.post_event(body).status_code == 200
    assert len(stored_bodies(world)) == 2, "received events are still known"
    assert verified(ann.claims()) == set(MAPPING)


def verify(world: World, user_id: str) -> tuple[str, str]:
    """Verify a user; returns the run's and the applicant's id."""
    user = world.add_user(user_id, PERSONAL)
    run_id = world.start(user)
    world.outcome(run_id)
    world.wait_until(lambda: verified(user.claims()) == set(MAPPING))
    return run_id, world.verifications()[0].applicant_id or ""


def remove_through_api(world: World, _run: Run, user_id: str) -> None:
    admin = world.connector.caller("the-admin", ["internal_idv_claim_delete"])
    assert admin.request("DELETE", f"/api/users/v1/{user_id}/idv").status_code == 204


def remove_on_command_line(_world: World, run: Run, user_id: str) -> None:
    assert run("user", "remove", user_id, "--yes").exit_code == 0


@pytest.mark.parametrize("remove", [remove_through_api, remove_on_command_line])
def test_removing_a_user_leaves_no_personal_data_here_or_at_onfido(
    world: World, run: Run, remove: Callable[[World, Run, str], None]
) -> None:
    run_id, applicant_id = verify(world, "the-user")
    kept_run_id, kept_applicant_id = verify(world, "neighbour")
    assert tables_with(world, applicant_id) == {"applicants", "verifications"}

    remove(world, run, "the-user")

    world.wait_until(lambda: calls(world, DELETE_APPLICANT) == 1)
    sweep(world)
    let_pass(world.connector.services.database, timedelta(days=30))
    sweep(world)
    assert tables_with(world, *PERSONAL.values(), applicant_id) == set()
    assert tables_with(world, "the-user") == {"history"}
    assert stored_body_of(world, run_id) == {None}
    assert None not in stored_body_of(world, kept_run_id)
    assert tables_with(world, kept_applicant_id) == {"applicants", "verifications"}
    assert applicant_at_onfido(world, applicant_id) == 410
    assert applicant_at_onfido(world, kept_applicant_id) == 200


def stored_body_of(world: World, run_id: str) -> set[str | None]:
    with world.connector.services.database.read() as connection:
        return set(connection.execute(select(events.c.body).where(events.c.run_id == run_id)).scalars())


def applicant_at_onfido(world: World, applicant_id: str) -> int:
    url = f"{world.simulator.api_url}/applicants/{applicant_id}"
    return requests.get(url, headers={"Authorization": "Token token=api_sandbox.x"}, timeout=60).status_code


def test_the_removal_of_a_user_is_recorded_with_actor_and_time(world: World, run: Run) -> None:
    verify(world, "the-user")
    remove_through_api(world, run, "the-user")
    with world.connector.services.database.read() as connection:
        rows = connection.execute(select(history).where(history.c.subject == "user").order_by(history.c.id)).all()
    assert [(row.name, row.current) for row in rows] == [("the-user", "added"), ("the-user", "removed")]
    assert (rows[-1].actor.partition(" ")[0], rows[-1].cause) == ("the-admin", "administrator")
    assert abs(rows[-1].at.timestamp() - time.time()) < 60


def test_a_user_is_not_removed_without_the_scope_or_twice(world: World, run: Run) -> None:
    verify(world, "the-user")
    refused = world.connector.as_admin().request("DELETE", "/api/users/v1/the-user/idv")
    assert refused.status_code == 403
    assert "internal_idv_claim_delete" in refused.text
    remove_through_api(world, run, "the-user")
    admin = world.connector.caller("the-admin", ["internal_idv_claim_delete"])
    again = admin.request("DELETE", "/api/users/v1/the-user/idv")
    assert (again.status_code, again.json()["code"]) == (404, "IDV-10001")


def test_the_result_of_a_user_removed_meanwhile_has_no_effect(world: World, run: Run) -> None:
    user = world.add_user("the-user", PERSONAL)
    world.faults(webhooks_lost=-1)
    run_id = world.start(user)
    remove_through_api(world, run, "the-user")
    world.wait_until(lambda: calls(world, DELETE_APPLICANT) == 1)

    assert world.post_event(event_body(run_id, "approved", ALL_CLEAR)).status_code == 200
    world.clock.advance(HOUR)
    sweep(world)

    assert tables_with(world, "the-user") == {"history"}
    again = world.add_user("the-user", PERSONAL)
    assert again.claims() == {}
    world.faults(webhooks_lost=0)
    world.outcome(world.start(again))
    world.wait_until(lambda: verified(again.claims()) == set(MAPPING))


def test_an_applicant_is_deleted_after_an_outage_of_onfido(world: World, run: Run) -> None:
    _, applicant_id = verify(world, "the-user")
    world.faults(route=DELETE_APPLICANT, failed=-1)
    remove_through_api(world, run, "the-user")
    world.wait_until(lambda: any(row.history for row in world.connector.services.outbox.page(("ready",), 10)))
    world.faults(failed=0)
    let_pass(world.connector.services.database, timedelta(minutes=1))
    world.wait_until(lambda: applicant_at_onfido(world, applicant_id) == 410)


def test_an_applicant_already_missing_counts_as_deleted(world: World, run: Run) -> None:
    _, applicant_id = verify(world, "the-user")
    delete_at_onfido(world, applicant_id)
    remove_through_api(world, run, "the-user")
    world.wait_until(lambda: calls(world, DELETE_APPLICANT) == 2)
    sweep(world)
    assert world.connector.services.outbox.page(("dead",), 10) == []


def test_the_applicant_of_a_removed_provider_is_left_to_the_operator(world: World, run: Run) -> None:
    verify(world, "the-user")
    world.faults(route=DELETE_APPLICANT, failed=-1)
    remove_through_api(world, run, "the-user")
    world.wait_until(lambda: calls(world, DELETE_APPLICANT) > 0)
    provider = f"/api/server/v1/idv-providers/{world.provider_id}"
    assert world.connector.as_admin().request("DELETE", provider).status_code == 204
    let_pass(world.connector.services.database, timedelta(minutes=1))
    world.wait_until(lambda: bool(world.connector.services.outbox.page(("dead",), 10)))
    [row] = world.connector.services.outbox.page(("dead",), 10)
    assert "dashboard" in row.history[-1]["reason"]


def test_an_applicant_deleted_at_onfido_is_created_again_at_the_next_attempt(world: World) -> None:
    ann = world.add_user()
    world.outcome(world.start(ann), status="declined", comparisons={"first_name": "consider"})
    world.wait_until(lambda: world.verifications()[0].closed_at is not None)
    deleted = world.verifications()[0].applicant_id or ""
    delete_at_onfido(world, deleted)

    world.outcome(world.start(ann))

    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
    assert deleted not in applicants_of_open_and_approved(world)


def delete_at_onfido(world: World, applicant_id: str) -> None:
    url = f"{world.simulator.api_url}/applicants/{applicant_id}"
    answer = requests.delete(url, headers={"Authorization": "Token token=api_sandbox.x"}, timeout=60)
    assert answer.status_code == 204, answer.text


def applicants_of_open_and_approved(world: World) -> set[str]:
    with world.connector.services.database.read() as connection:
        statement = select(verifications.c.applicant_id).where(verifications.c.status != "declined")
        return set(connection.execute(statement).scalars())
