"""The setup progress of a provider, from an empty connector to the first verified user."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from connector.domain.tenancy import Tenant
from connector.store.models import notice_endpoints, outbox, verification_claims, verifications
from tests.bodies import event_body, provider_body
from tests.contract.wire import ENDPOINTS, PROVIDERS, UNKNOWN_ID, assert_error
from tests.harness import Caller, World
from tests.services.conftest import Run
from tests.services.receiving import Application

OTHERS = "elsewhere.example"
CLEAR: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")
BAD = "0" * 64


@pytest.fixture
def admin(world: World) -> Caller:
    world.faults(webhooks_lost=-1)
    return world.connector.as_admin(world.tenant)


def progress(caller: Caller, provider_id: str) -> dict[str, Any]:
    answer = caller.get(f"{PROVIDERS}/{provider_id}/setup-progress")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def states(caller: Caller, provider_id: str) -> dict[str, str]:
    return {step["name"]: step["state"] for step in progress(caller, provider_id)["steps"]}


def text_of(caller: Caller, provider_id: str, name: str) -> str:
    return str(next(step["text"] for step in progress(caller, provider_id)["steps"] if step["name"] == name))


def ended(world: World, user_id: str, comparisons: dict[str, str | None]) -> str:
    run_id = world.start(world.add_user(user_id))
    assert world.post_event(event_body(run_id, comparisons=comparisons)).status_code == 200
    return run_id


def test_every_step_is_detected_as_soon_as_it_is_done(world: World, admin: Caller, run: Run) -> None:
    world.clock.stop()
    world.clock.advance(60)
    first = states(admin, world.provider_id)
    assert first == {
        **dict.fromkeys(("token", "workflow", "webhook"), "to do"),
        "environment": "warning",
        "events": "waits",
        "attributes": "done",
        "comparisons": "waits",
        "users": "to do",
    }
    before = world.onfido_state()["requests"]
    assert progress(admin, world.provider_id)["headline"] == "2 of 8 steps are done."
    assert world.onfido_state()["requests"] == before
    admin.post(f"{PROVIDERS}/{world.provider_id}/test-connection", None)
    assert states(admin, world.provider_id) | {"events": "", "users": ""} == {
        **dict.fromkeys(("token", "workflow", "webhook", "attributes"), "done"),
        "environment": "warning",
        "comparisons": "waits",
        "events": "",
        "users": "",
    }
    assert "run of this workflow" not in text_of(admin, world.provider_id, "workflow")

    ended(world, "ann", CLEAR)

    last = progress(admin, world.provider_id)
    assert {step["name"] for step in last["steps"] if step["state"] == "done"} == {
        *("token", "workflow", "webhook", "events", "attributes", "comparisons", "users")
    }
    assert (last["headline"], last["isDone"]) == ("All 8 steps are done, for the sandbox.", True)
    assert text_of(admin, world.provider_id, "workflow") == "A run of this workflow was started."
    shown = run("provider", "progress", "Onfido")
    assert shown.exit_code == 0
    assert "All 8 steps are done, for the sandbox." in shown.stdout
    printed = json.loads(run("provider", "progress", "Onfido", "--json").stdout)
    assert printed["steps"] == last["steps"]


def test_another_tenant_sees_no_setup_progress(world: World, admin: Caller) -> None:
    ended(world, "ann", CLEAR)
    assert world.post_event(event_body("a-run"), signature=BAD).status_code == 401
    world.connector.services.refused_posts.write()
    others = world.connector.as_admin(OTHERS)
    theirs = others.post(PROVIDERS, provider_body(world.simulator)).json()["id"]
    assert states(others, theirs)["users"] == "to do"
    assert states(others, theirs)["events"] == "waits"
    for caller, provider_id in ((others, world.provider_id), (admin, theirs), (admin, UNKNOWN_ID)):
        assert_error(caller.get(f"{PROVIDERS}/{provider_id}/setup-progress"), 404, "IDVP-60000")


def test_refused_posts_and_runs_without_events_show_the_problem(world: World, admin: Caller) -> None:
    assert world.post_event(event_body("a-run"), signature=BAD).status_code == 401
    world.connector.services.refused_posts.write()
    assert states(admin, world.provider_id)["events"] == "failed"
    assert "1 post to the webhook was refused" in text_of(admin, world.provider_id, "events")
    run_id = world.start(world.add_user("ann"))
    world.outcome(run_id)
    world.clock.advance(3600)
    silent = world.connector.services.setup_progress.silent
    assert silent(Tenant(world.tenant)) == []
    assert world.connector.as_user("ann").verify(world.provider_id, "COMPLETED").status_code == 200
    world.clock.advance(3600)
    assert states(admin, world.provider_id)["events"] == "warning"
    assert "1 run ended without an event" in text_of(admin, world.provider_id, "events")
    assert [each.provider_id for each in silent(Tenant(world.tenant))] == [world.provider_id]
    assert silent(Tenant(OTHERS)) == []
    assert world.post_event(event_body(run_id, comparisons=CLEAR)).status_code == 200
    assert silent(Tenant(world.tenant)) == []


def test_a_changed_workflow_is_confirmed_only_by_a_run(world: World, admin: Caller) -> None:
    ended(world, "ann", CLEAR)
    admin.post(f"{PROVIDERS}/{world.provider_id}/test-connection", None)
    assert "was started" in text_of(admin, world.provider_id, "workflow")
    world.clock.advance(60)
    with world.connector.services.database.write() as connection:
        connection.execute(update(verifications).values(created_at=world.clock() - timedelta(days=1)))
    body = admin.get(f"{PROVIDERS}/{world.provider_id}").json()
    body["configProperties"] = [each for each in body["configProperties"] if each["key"] != "workflow_id"]
    body["configProperties"].append({"key": "workflow_id", "value": "5f5a0c52-6a7e-4a6a-9d3b-0c5de0f0a002"})
    assert admin.put(f"{PROVIDERS}/{world.provider_id}", body).status_code == 200
    admin.post(f"{PROVIDERS}/{world.provider_id}/test-connection", None)
    assert "was started" not in text_of(admin, world.provider_id, "workflow")


def test_approved_runs_without_any_comparison_are_a_failure(world: World, admin: Caller) -> None:
    ended(world, "ann", CLEAR)
    with world.connector.services.database.write() as connection:
        connection.execute(update(verification_claims).values(finding="not_compared"))
    assert states(admin, world.provider_id)["comparisons"] == "failed"
    assert "Nothing was compared in 1 approved run" in text_of(admin, world.provider_id, "comparisons")
    ended(world, "ben", CLEAR)
    assert text_of(admin, world.provider_id, "comparisons").startswith("Something was compared in 1 of the last 2")


def test_the_application_is_a_step_if_it_is_to_be_notified(world: World, admin: Caller) -> None:
    assert "application" not in states(admin, world.provider_id)
    with Application() as application:
        body = {"url": application.url, "events": ["verification.finished"]}
        endpoint_id = admin.post(ENDPOINTS, body).json()["id"]
        assert states(admin, world.provider_id)["application"] == "to do"
        ended(world, "ann", CLEAR)
        world.wait_until(lambda: states(admin, world.provider_id)["application"] == "done")
    with world.connector.services.database.write() as connection:
        connection.execute(update(notice_endpoints).values(failures=2))
        connection.execute(update(outbox).where(outbox.c.endpoint_id == endpoint_id).values(state="dead"))
    assert states(admin, world.provider_id)["application"] == "failed"
