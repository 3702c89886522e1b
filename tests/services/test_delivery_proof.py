"""Proof of delivery: the notices of a verification, their endpoints and their signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.contract.wire import ENDPOINTS, PROVIDERS, UNKNOWN_ID, answer_on, assert_error
from tests.harness import ADMIN, Caller, World
from tests.services.conftest import Run
from tests.services.receiving import Application, Reply

OTHERS = "elsewhere.example"


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin()


def told(world: World, admin: Caller, application: Application) -> str:
    """Finish a verification whose notice the application accepts at the second attempt; return the run's id."""
    application.answers(Reply(503, b"later"), Reply(200, b"thanks"))
    answer_on(admin.post(ENDPOINTS, {"url": application.url, "events": ["verification.finished"]}), 201)
    run_id = world.start(world.add_user("ann"))
    world.outcome(run_id)
    world.wait_until(
        lambda: [each["state"] for each in proof(world, admin, run_id)["statement"]["notices"]] == ["done"]
    )
    return run_id


def path(world: World, run_id: str) -> str:
    return f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/delivery-proof"


def proof(world: World, admin: Caller, run_id: str) -> Any:
    return answer_on(admin.get(path(world, run_id)), 200)


def test_the_proof_lists_each_notified_endpoint_with_its_notice_and_answer(
    world: World, admin: Caller, application: Application
) -> None:
    run_id = told(world, admin, application)
    statement = proof(world, admin, run_id)["statement"]
    [notice] = statement["notices"]
    received = application.received[-1].body

    assert (notice["url"], notice["noticeId"], notice["answer"]) == (application.url, received["id"], "thanks")
    assert [attempt["status"] for attempt in notice["attempts"]] == [503, 200]
    assert (statement["verification"]["runId"], statement["verification"]["status"]) == (run_id, "approved")
    assert (statement["verification"]["userId"], statement["isComplete"], statement["keptForDays"]) == ("ann", True, 30)


def test_the_signature_covers_the_statement(world: World, admin: Caller, application: Application) -> None:
    stated = proof(world, admin, told(world, admin, application))
    keys = KeySet.import_key_set(answer_on(admin.get("/.well-known/jwks.json"), 200))
    token = jwt.decode(stated["signed"], keys, algorithms=["RS256"])
    assert token.claims == stated["statement"]
    assert token.header["typ"] == "delivery-proof+jwt"
    assert token.claims["iss"] == world.connector.url


def test_a_verification_without_notices_has_a_proof_too(world: World, admin: Caller) -> None:
    run_id = world.start(world.add_user("ann"))
    assert proof(world, admin, run_id)["statement"]["notices"] == []


def test_every_reading_is_in_the_audit_trail(world: World, admin: Caller) -> None:
    run_id = world.start(world.add_user("ann"))
    proof(world, admin, run_id)
    [entry] = answer_on(admin.get("/api/server/v1/audit", params={"subject": "file"}), 200)["entries"]
    assert (entry["name"], entry["to"], entry["actor"], entry["userId"]) == ("delivery-proof", "read", ADMIN, "ann")


def test_another_tenant_and_an_unknown_run_have_no_proof(world: World, admin: Caller) -> None:
    run_id = world.start(world.add_user("ann"))
    assert_error(world.connector.as_admin(OTHERS).get(path(world, run_id)), 404, "IDVP-60000")
    assert_error(admin.get(path(world, UNKNOWN_ID)), 404, "IDVP-60010")


def test_the_command_line_prints_the_same_proof(
    world: World, admin: Caller, application: Application, run: Run
) -> None:
    run_id = told(world, admin, application)
    printed = json.loads(run("verification", "delivery-proof", run_id, "--json").stdout)
    stated = proof(world, admin, run_id)["statement"]
    assert printed["statement"]["notices"] == stated["notices"]
    lines = run("verification", "delivery-proof", run_id).stdout.splitlines()
    assert application.url in lines[1]
    assert "503, 200" in lines[1]
    assert lines[-1].count(".") == 2
