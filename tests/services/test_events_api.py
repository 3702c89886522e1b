"""Events over HTTP: listed by tenant, opened, replayed; and refused posts, counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update

from connector.store.models import events
from tests.bodies import event_body, provider_body, sign
from tests.contract.wire import EVENTS, PROVIDERS, assert_error
from tests.harness import Caller, World, verified

OTHERS = "elsewhere.example"
UNKNOWN = "0b9c8e1e-0000-4000-8000-000000000000"
CLEAR: dict[str, str | None] = dict.fromkeys(("first_name", "last_name", "date_of_birth"), "clear")
CHECK = {"payload": {"resource_type": "check", "action": "check.completed", "object": {"id": "a-check"}}}
BAD = "0" * 64


@pytest.fixture
def quiet(world: World) -> World:
    """A provider to which Onfido posts nothing by itself."""
    world.faults(webhooks_lost=-1)
    return world


@pytest.fixture
def admin(quiet: World) -> Caller:
    return quiet.connector.as_admin(quiet.tenant)


@pytest.fixture
def others(quiet: World) -> Caller:
    """An administrator of another tenant, which has a provider."""
    caller = quiet.connector.as_admin(OTHERS)
    assert caller.post(PROVIDERS, provider_body(quiet.simulator)).status_code == 201
    return caller


def post(world: World, body: bytes, **options: Any) -> int:
    return world.post_event(body, **options).status_code


def ended(world: World, user_id: str = "ann") -> str:
    """Start a run and post the event of its end; return its id."""
    run_id = world.start(world.add_user(user_id))
    assert post(world, event_body(run_id, comparisons=CLEAR)) == 200
    return run_id


def listed(caller: Caller, **query: Any) -> list[Any]:
    answer = caller.get(EVENTS, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["count"] == len(answer.json()["events"])
    found: list[Any] = answer.json()["events"]
    return found


def refused(world: World, caller: Caller, **query: str) -> dict[str, int]:
    """Write the counts of this process, and return the refused posts by cause."""
    world.connector.services.refused_posts.write()
    answer = caller.get(f"{EVENTS}/refused", params=query)
    assert answer.status_code == 200, answer.text
    return {each["cause"]: each["number"] for each in answer.json()["refused"]}


def test_the_latest_event_is_first_and_every_filter_applies(quiet: World, admin: Caller, others: Caller) -> None:
    run_id = ended(quiet)
    quiet.clock.advance(3600)
    assert post(quiet, json.dumps(CHECK).encode()) == 200
    [verification] = quiet.verifications("ann")

    check, run = listed(admin)

    assert (check["kind"], check["state"], check["hasBody"], check["happenedAt"]) == (
        *("check.completed", "noted"),
        *(False, None),
    )
    assert (run["kind"], run["state"], run["runId"]) == ("workflow_run.completed", "applied", run_id)
    assert (run["happenedAt"], run["providerId"]) == ("2026-01-02T03:04:05Z", quiet.provider_id)
    assert run["delaySeconds"] > 0
    assert check["delaySeconds"] is None
    for query, expected in (
        ({"state": "applied"}, [run]),
        ({"state": "noted"}, [check]),
        ({"state": "parked"}, []),
        ({"kind": "check.completed"}, [check]),
        ({"kind": "check.completed", "state": "applied"}, []),
        ({"runId": run_id}, [run]),
        ({"runId": run_id, "kind": "check.completed"}, []),
        ({"verificationId": verification.verification_id}, [run]),
        ({"verificationId": verification.verification_id, "runId": "another"}, []),
        ({"verificationId": UNKNOWN}, []),
        ({"providerId": quiet.provider_id}, [check, run]),
        ({"providerId": UNKNOWN}, []),
        ({"from": check["receivedAt"]}, [check]),
        ({"to": check["receivedAt"]}, [run]),
    ):
        assert listed(admin, **query) == expected, query
        assert listed(others, **query) == [], query
    for query in ({"state": "lost"}, {"from": "yesterday"}, {"cursor": "no-cursor"}, {"limit": "0"}):
        assert_error(admin.get(EVENTS, params=query), 400, "IDVP-60004", next(iter(query)))


def test_pages_follow_each_other_and_a_cursor_belongs_to_one_tenant(
    quiet: World, admin: Caller, others: Caller
) -> None:
    for name in ("ann", "ben", "cleo"):
        ended(quiet, name)
    first = admin.get(EVENTS, params={"limit": 2}).json()
    second = admin.get(EVENTS, params={"limit": 2, "cursor": first["nextCursor"]}).json()
    assert first["events"] + second["events"] == listed(admin)
    assert second["nextCursor"] is None
    assert_error(others.get(EVENTS, params={"cursor": first["nextCursor"]}), 400, "IDVP-60004", "cursor")


def test_a_body_is_readable_within_its_retention_and_every_reading_audited(
    quiet: World, admin: Caller, others: Caller
) -> None:
    run_id = ended(quiet)
    [event] = listed(admin)
    path = f"{EVENTS}/{event['id']}"
    assert admin.get(path).json() == event

    body = admin.get(f"{path}/body")

    assert body.json()["payload"]["object"]["id"] == run_id
    assert body.headers["Content-Type"] == "application/json"
    assert "no-store" in body.headers["Cache-Control"]
    audited = admin.get("/api/server/v1/audit", params={"subject": "event"}).json()["entries"]
    assert [(each["name"], each["to"]) for each in audited] == [(event["id"], "read")]
    for caller, where in ((others, path), (admin, f"{EVENTS}/{UNKNOWN}")):
        for method, part in (("GET", ""), ("GET", "/body"), ("POST", "/replay")):
            assert_error(caller.request(method, where + part), 404, "IDVP-60030")
    assert others.get("/api/server/v1/audit", params={"subject": "event"}).json()["entries"] == []
    quiet.clock.advance(86_400 * (quiet.connector.settings.event_retention_days + 1))
    quiet.sweep()
    assert admin.get(path).json()["hasBody"] is False
    for method, part in (("GET", "/body"), ("POST", "/replay")):
        assert_error(admin.request(method, path + part), 410, "IDVP-60031", "not kept")


def test_a_parked_event_is_replayed_and_one_applied_meanwhile_stays_unchanged(quiet: World, admin: Caller) -> None:
    run_id = ended(quiet)
    [event] = listed(admin)
    path = f"{EVENTS}/{event['id']}/replay"
    before = admin.get(f"{PROVIDERS}/{quiet.provider_id}/verifications/{run_id}").json()
    with quiet.connector.services.database.write() as connection:
        connection.execute(update(events).values(state="parked"))

    for _ in range(2):
        assert admin.post(path, None).json() == event

    assert admin.get(f"{PROVIDERS}/{quiet.provider_id}/verifications/{run_id}").json() == before
    assert len(verified(quiet.connector.as_user("ann").claims())) == 3
    audited = admin.get("/api/server/v1/audit", params={"subject": "event"}).json()["entries"]
    assert {each["to"] for each in audited} == {"replayed"}


def test_refused_posts_are_counted_by_provider_and_cause_for_their_tenant_only(
    quiet: World, admin: Caller, others: Caller
) -> None:
    body, token = event_body("a-run"), quiet.webhook_token
    assert post(quiet, body, signature=BAD) == 401
    assert post(quiet, body, signature=BAD) == 401
    assert post(quiet, body, signature="") == 401
    assert post(quiet, b"no JSON", signature=sign(b"no JSON", token)) == 400
    assert post(quiet, b"x" * (quiet.connector.settings.max_body_bytes + 1), signature=BAD) == 413
    without = admin.post(PROVIDERS, provider_body(quiet.simulator, name="another")).json()["id"]
    assert post(quiet, body, provider_id=without) == 401
    for unknown in (UNKNOWN, "no-id"):
        assert post(quiet, body, provider_id=unknown) == 404
        assert post(quiet, b"x" * (quiet.connector.settings.max_body_bytes + 1), provider_id=unknown) == 413

    expected = {"wrong_signature": 2, "no_signature": 1, "unreadable": 1, "too_large": 1}
    assert refused(quiet, admin, providerId=quiet.provider_id) == expected
    assert refused(quiet, admin, providerId=without) == {"no_token": 1}
    assert refused(quiet, admin) == expected | {"no_token": 1}
    assert refused(quiet, others) == refused(quiet, others, providerId=quiet.provider_id) == {}
    assert listed(admin) == []


def test_counts_of_refused_posts_accumulate_with_first_and_last_time(quiet: World, admin: Caller) -> None:
    for _ in range(2):
        assert post(quiet, event_body("a-run"), signature=BAD) == 401
        assert refused(quiet, admin)
        quiet.clock.advance(600)

    [row] = admin.get(f"{EVENTS}/refused").json()["refused"]

    assert (row["number"], row["providerName"]) == (2, "Onfido")
    assert row["firstAt"] < row["lastAt"]


def test_the_counts_of_a_removed_provider_are_deleted(quiet: World, admin: Caller) -> None:
    assert post(quiet, event_body("a-run"), signature=BAD) == 401
    assert refused(quiet, admin) == {"wrong_signature": 1}
    assert post(quiet, event_body("a-run"), signature=BAD) == 401
    assert admin.request("DELETE", f"{PROVIDERS}/{quiet.provider_id}").status_code == 204
    assert refused(quiet, admin) == {}
