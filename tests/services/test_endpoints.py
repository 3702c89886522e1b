"""Endpoints: any number, notified of their chosen events, in a form that the specification's library accepts."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from click.testing import Result
from standardwebhooks import Webhook, WebhookVerificationError

from connector.domain.tenancy import Tenant
from tests.bodies import provider_body
from tests.contract.wire import DELIVERIES, ENDPOINTS, PROVIDERS, assert_error
from tests.harness import Caller, World, onfido_of
from tests.services.ageing import let_pass
from tests.services.receiving import (
    DECIDING,
    SCORE,
    SCORING,
    Application,
    Received,
    Reply,
    rows_of,
    use_studio,
    use_workflow,
)
from tests.services.test_watchlist import applicant_of, correct, find_matches, monitor
from tests.values import GIVEN_NAME, LAST_NAME

FINISHED, CLAIMS, ATTENTION = "verification.finished", "claims.changed", "attention.needed"
ALL_EVENTS = (FINISHED, CLAIMS, ATTENTION)
OTHERS = "elsewhere.example"
HOUR = timedelta(hours=1)
NEW_SECRET = "whsec_" + base64.b64encode(bytes(range(40, 72))).decode()


@pytest.fixture
def admin(world: World) -> Caller:
    return world.connector.as_admin(world.tenant)


@pytest.fixture
def another() -> Iterator[Application]:
    with Application() as application:
        yield application


def register(admin: Caller, application: Application, *events: str, **members: Any) -> Any:
    answer = admin.post(ENDPOINTS, {"url": application.url, "events": list(events or ALL_EVENTS), **members})
    assert answer.status_code == 201, answer.text
    return answer.json()


def settled(world: World) -> None:
    """Wait until nothing is due and nothing is being delivered."""

    def is_pending(row: Any) -> bool:
        failures = len([each for each in row.history if "reason" in each])
        return bool(row.attempts > failures or row.due_at <= datetime.now(UTC))

    outbox = world.connector.services.outbox
    world.wait_until(lambda: not any(map(is_pending, outbox.page(("ready",), 1000))))


def told(application: Application) -> Counter[tuple[str, str | None]]:
    """Return the number of notices that the application received, by type and reason."""
    bodies = {each.headers["webhook-id"]: each.body for each in application.received}
    return Counter((body["type"], body["data"].get("reason")) for body in bodies.values())


def verify(secret: str, received: Received) -> Any:
    return Webhook(secret).verify(received.raw, dict(received.headers))


def finish(world: World, user_id: str = "ann", **outcome: Any) -> Caller:
    caller = world.add_user(user_id)
    run_id = world.start(caller)
    world.outcome(run_id, **outcome)
    world.wait_until(lambda: world.verifications(user_id)[0].closed_at is not None)
    return caller


# The notices of each change


def ended(status: str) -> Callable[[World], None]:
    def action(world: World) -> None:
        finish(world, status=status)

    return action


def change_value(world: World) -> None:
    finish(world)
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: "Another"})


def remove_value(world: World) -> None:
    finish(world)
    world.connector.services.users.change(Tenant(world.tenant), "ann", {GIVEN_NAME: ""})


def correct_up(world: World) -> None:
    world.add_user("ann")
    entry = {"uri": GIVEN_NAME, "idVProviderId": world.provider_id, "isVerified": True, "claimMetadata": {}}
    assert world.connector.as_admin(world.tenant).post("/api/users/v1/ann/idv/claims", [entry]).status_code == 201


def correct_down(world: World) -> None:
    correct_up(world)
    [claim] = world.connector.as_user("ann", world.tenant).claims().values()
    body = {"isVerified": False, "claimMetadata": {}}
    path = f"/api/users/v1/ann/idv/claims/{claim['id']}"
    assert world.connector.as_admin(world.tenant).put(path, body).status_code == 200


def decide(decision: str) -> Callable[[World], None]:
    def action(world: World) -> None:
        finish(world, status="review")
        run_id = world.verifications()[0].run_id
        path = f"{PROVIDERS}/{world.provider_id}/verifications/{run_id}/decision"
        answer = world.connector.as_admin(world.tenant).post(path, {"decision": decision, "reason": "seen"})
        assert answer.ok, answer.text

    return action


def match(world: World) -> None:
    use_studio(world, unverifyOnMatch=True)
    ann = finish(world)
    find_matches(world, monitor(world, applicant_of(ann)))
    world.wait_until(lambda: bool(rows_of(world, "tell_matches")))


def remove_user(world: World) -> None:
    finish(world)
    world.connector.services.users.remove(Tenant(world.tenant), "ann")


def remove_provider(world: World) -> None:
    finish(world)
    world.connector.services.providers.remove(Tenant(world.tenant), world.provider_id)


def wait_for_data(world: World) -> None:
    subscribe_to_tasks(world)
    use_workflow(world, SCORING)
    world.outcome(world.start(world.add_user("ann")))
    world.wait_until(lambda: bool(rows_of(world, "tell_task", ("done",))))


def wait_for_decision(world: World) -> None:
    subscribe_to_tasks(world)
    use_workflow(world, DECIDING)
    world.outcome(world.start(world.add_user("ann")))
    world.wait_until(lambda: bool(rows_of(world, "tell_task", ("done",))))


def subscribe_to_tasks(world: World) -> None:
    """Subscribe the webhook to the events that the endpoint needs."""
    use_studio(world)


def let_link_expire(world: World) -> None:
    use_studio(world, capture="link")
    finish(world, status="abandoned")


_ENDED: dict[tuple[str, str | None], int] = {(FINISHED, None): 1, (CLAIMS, None): 1}


@pytest.mark.parametrize(
    ("action", "notices"),
    [
        (ended("approved"), _ENDED),
        (ended("declined"), _ENDED),
        (ended("abandoned"), _ENDED),
        (ended("error"), _ENDED),
        (ended("review"), {**_ENDED, (ATTENTION, "review"): 1}),
        (decide("approve"), {(FINISHED, None): 2, (CLAIMS, None): 2, (ATTENTION, "review"): 1}),
        (decide("decline"), {(FINISHED, None): 2, (CLAIMS, None): 1, (ATTENTION, "review"): 1}),
        (let_link_expire, {**_ENDED, (ATTENTION, "link_expired"): 1}),
        (change_value, _ENDED | {(CLAIMS, None): 2}),
        (remove_value, _ENDED | {(CLAIMS, None): 2}),
        (correct_up, {(CLAIMS, None): 1}),
        (correct_down, {(CLAIMS, None): 2}),
        (match, {**_ENDED, (CLAIMS, None): 2, (ATTENTION, "watchlist"): 1}),
        (remove_user, _ENDED | {(CLAIMS, None): 2}),
        (remove_provider, _ENDED | {(CLAIMS, None): 2}),
        (wait_for_data, {(ATTENTION, "task"): 1}),
        (wait_for_decision, {(ATTENTION, "decision"): 1}),
    ],
)
def test_every_change_of_the_journal_leads_to_its_notices(
    world: World,
    admin: Caller,
    application: Application,
    action: Callable[[World], None],
    notices: dict[tuple[str, str | None], int],
) -> None:
    register(admin, application, tasks=[SCORE])

    action(world)
    world.wait_until(lambda: told(application) >= Counter(notices))  # an event of Onfido's may still be on its way
    settled(world)

    assert told(application) == notices
    for each in application.received:
        assert set(each.body) == {"type", "id", "at", "data"}
        assert each.body["data"]["tenant"] == world.tenant
        assert not any(value in each.raw.decode() for value in ("Zebulon", "Another"))


def test_a_change_in_either_direction_names_its_user(world: World, admin: Caller, application: Application) -> None:
    endpoint = register(admin, application, CLAIMS)
    finish(world)
    [verification] = world.verifications()
    settled(world)
    correct(world, *[GIVEN_NAME, LAST_NAME])
    settled(world)
    body = [{"uri": uri, "idVProviderId": world.provider_id, "isVerified": False} for uri in (GIVEN_NAME, LAST_NAME)]
    assert admin.put("/api/users/v1/ann/idv/claims", body).status_code == 201
    settled(world)

    assert told(application) == {(CLAIMS, None): 3}
    whom = {"tenant": world.tenant, "providerId": world.provider_id, "userId": "ann"}
    run = {"verificationId": verification.verification_id, "runId": verification.run_id}
    assert [each.body["data"] for each in application.received] == [whom | run] * 3
    assert all(verify(endpoint["secret"], each)["type"] == CLAIMS for each in application.received)


def test_an_endpoint_gets_only_chosen_events_of_its_provider_and_tenant(
    world: World, admin: Caller, application: Application, another: Application
) -> None:
    register(admin, application, FINISHED, providerId=world.provider_id)
    other = admin.post(PROVIDERS, provider_body(world.simulator, name="Another")).json()["id"]
    register(admin, another, FINISHED, providerId=other)
    register(world.connector.as_admin(OTHERS), another, *ALL_EVENTS)

    finish(world)
    settled(world)

    assert (told(application), told(another)) == ({(FINISHED, None): 1}, {})


def test_every_endpoint_gets_the_notice_under_one_id(
    world: World, admin: Caller, application: Application, another: Application
) -> None:
    for receiver in (application, another):
        register(admin, receiver, FINISHED)
    finish(world)
    settled(world)

    assert len({each.headers["webhook-id"] for each in (*application.received, *another.received)}) == 1
    assert (len(application.received), len(another.received)) == (1, 1)


def test_a_specific_event_replaces_the_general_one(
    world: World, admin: Caller, application: Application, another: Application
) -> None:
    register(admin, application, ATTENTION, "watchlist.matches_updated", "task.started", tasks=[SCORE])
    register(admin, another, "manual_decision.waiting")
    match(world)
    settled(world)

    assert told(application) == {("watchlist.matches_updated", None): 1}
    assert told(another) == {}


def test_the_endpoint_of_a_providers_configuration_is_an_ordinary_endpoint(
    world: World, admin: Caller, application: Application
) -> None:
    use_studio(world, notices={"url": application.url, "tasks": [SCORE]})
    [own] = admin.get(ENDPOINTS).json()["endpoints"]

    assert (own["url"], own["tasks"], own["isOfProvider"], own["secret"]) == (
        application.url,
        [SCORE],
        True,
        "********",
    )
    assert set(own["events"]) == {"task.started", "manual_decision.waiting", "watchlist.matches_updated"}
    path = f"{ENDPOINTS}/{own['id']}"
    for answer in (admin.put(path, {"url": own["url"], "events": [FINISHED]}), admin.request("DELETE", path)):
        assert_error(answer, 400, "IDVP-60002", "studio.notices")
    assert admin.post(f"{path}/test", None).json()["problem"] is None
    use_studio(world)
    assert admin.get(ENDPOINTS).json()["count"] == 0


def test_the_webhook_is_subscribed_to_the_events_that_endpoints_need(
    world: World, admin: Caller, application: Application
) -> None:
    path = f"{PROVIDERS}/{world.provider_id}/webhook"
    register(admin, application, FINISHED)
    admin.post(path, None).raise_for_status()

    def events() -> set[str]:
        return {event for each in onfido_of(world).list_webhooks() for event in each.events}

    assert events() == {"workflow_run.completed"}

    register(admin, application, ATTENTION)
    admin.post(path, None).raise_for_status()

    assert events() == {"workflow_run.completed", "workflow_task.started", "watchlist_monitor.matches_updated"}


# Outages, repeats, secrets, 410


def test_a_refused_notice_is_retried_with_its_id_and_every_attempt_is_stored(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint = register(admin, application, FINISHED)
    application.answers(Reply(500, b"<p>sorry, ann</p>" * 100), Reply(hangs_up=True), Reply(202, b"taken"))
    finish(world)
    for number in (1, 2):
        world.wait_until(lambda number=number: len(application.received) >= number)  # type: ignore[misc]
        settled(world)
        let_pass(world.connector.services.database, HOUR)
    settled(world)

    assert len({each.headers["webhook-id"] for each in application.received}) == 1
    [delivery] = admin.get(DELIVERIES, params={"endpointId": endpoint["id"]}).json()["deliveries"]
    assert [(each["number"], each["status"]) for each in delivery["history"]] == [(1, 500), (2, None), (3, 202)]
    assert all(0 <= each["seconds"] < 60 for each in delivery["history"])
    assert delivery["state"] == "done"
    assert admin.get(f"{DELIVERIES}/{delivery['id']}").json()["answer"] == "taken"
    rate = admin.get(f"{ENDPOINTS}/{endpoint['id']}").json()["rate"]
    assert rate == {"deliveries": 1, "attempts": 3, "failures": 2}


def test_only_the_beginning_of_a_refusal_is_stored(world: World, admin: Caller, application: Application) -> None:
    endpoint = register(admin, application, FINISHED)
    application.answers(Reply(500, b"x" * 100_000))
    finish(world)
    settled(world)

    [delivery] = admin.get(DELIVERIES, params={"endpointId": endpoint["id"]}).json()["deliveries"]
    assert admin.get(f"{DELIVERIES}/{delivery['id']}").json()["answer"] in ("x" * 200, None)


def test_notices_of_an_unresponsive_endpoint_wait_and_are_sent_when_it_answers(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint_id, endpoints = register(admin, application, *ALL_EVENTS)["id"], world.connector.services.endpoints
    before = world.clock()
    application.answers(Reply(503))
    for user_id in ("ann", "bea", "cid"):
        finish(world, user_id)
    settled(world)
    attempts = len(application.received)
    failing = endpoints.get(Tenant(world.tenant), endpoint_id)
    assert failing.last_status == 503
    assert failing.failing_since
    assert before <= failing.failing_since <= world.clock()
    application.answers(Reply())

    let_pass(world.connector.services.database, HOUR)
    world.wait_until(lambda: told(application) == {(FINISHED, None): 3, (CLAIMS, None): 3})
    settled(world)

    world.wait_until(lambda: not endpoints.get(Tenant(world.tenant), endpoint_id).failures)
    recovered = endpoints.get(Tenant(world.tenant), endpoint_id)
    assert (recovered.failing_since, recovered.last_status) == (None, None)
    assert attempts <= 6
    assert not rows_of(world, "tell_change", ("ready", "dead"))


def test_an_accepted_test_notice_ends_the_pause_of_an_endpoint_that_did_not_answer(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint_id, endpoints = register(admin, application)["id"], world.connector.services.endpoints
    application.answers(Reply(503))
    finish(world, "ann")
    settled(world)
    failing = endpoints.get(Tenant(world.tenant), endpoint_id)
    assert failing.failures
    assert failing.test_accepted_at is None
    assert admin.post(f"{ENDPOINTS}/{endpoint_id}/test", None).json()["problem"]
    assert endpoints.get(Tenant(world.tenant), endpoint_id).test_accepted_at is None
    application.answers(Reply())

    assert not admin.post(f"{ENDPOINTS}/{endpoint_id}/test", None).json()["problem"]

    answering = endpoints.get(Tenant(world.tenant), endpoint_id)
    assert not answering.failures
    assert answering.test_accepted_at


def test_a_dead_endpoint_delays_no_other_endpoint(
    world: World, admin: Caller, application: Application, another: Application
) -> None:
    dead = {register(admin, another, *ALL_EVENTS)["id"] for _ in range(12)}
    register(admin, application, *ALL_EVENTS)
    another.answers(Reply(200, delay=60.0))

    finish(world)

    world.wait_until(lambda: told(application) == _ENDED)
    rows = [row for row in rows_of(world, "tell_change") if row.endpoint_id in dead]
    assert {(row.state, len(row.history)) for row in rows} == {("ready", 0)}, "none of these has ended"
    another.is_stopping.set()


def test_an_endpoint_gets_only_one_notice_at_a_time(world: World, admin: Caller, application: Application) -> None:
    register(admin, application, *ALL_EVENTS)
    under_way, most, lock = 0, 0, threading.Lock()
    take = application.take

    def count(request: BaseHTTPRequestHandler, body: bytes) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        take(request, body)
        with lock:
            under_way -= 1

    application.take = count  # type: ignore[method-assign]
    application.answers(Reply(204, delay=0.05))
    for user_id in ("ann", "bea", "cid"):
        finish(world, user_id)
    settled(world)

    assert (most, sum(told(application).values())) == (1, 6)


def test_an_endpoint_that_answers_410_is_disabled_until_it_is_enabled_again(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint = register(admin, application, FINISHED)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    application.answers(Reply(410))
    finish(world)
    settled(world)

    gone = admin.get(path).json()
    assert (gone["isEnabled"], gone["disabledBecause"]) == (False, "gone")
    audited = admin.get("/api/server/v1/audit", params={"subject": "endpoint"}).json()["entries"]
    assert (audited[0]["to"], audited[0]["actor"]) == ("disabled", "system")
    application.answers(Reply())
    application.received.clear()
    finish(world, "bea")
    settled(world)
    assert application.received == []

    body = {"url": application.url, "events": [FINISHED], "isEnabled": True}
    assert admin.put(path, body).json()["disabledBecause"] is None
    finish(world, "cid")
    settled(world)
    assert told(application) == {(FINISHED, None): 1}


def test_both_secrets_sign_while_a_secret_is_replaced(world: World, admin: Caller, application: Application) -> None:
    endpoint = register(admin, application, FINISHED)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    rotated = admin.post(f"{path}/rotate-secret", {}).json()
    assert rotated["secret"] != endpoint["secret"]
    finish(world)
    settled(world)
    for secret in (endpoint["secret"], rotated["secret"]):
        assert verify(secret, application.received[-1])["type"] == FINISHED

    world.clock.advance(86_401)
    admin.post(f"{path}/test", None).raise_for_status()
    late = application.received[-1]
    assert len(late.headers["webhook-signature"].split()) == 1
    assert admin.get(path).json()["secret"] == "********"


def test_a_valid_secret_may_be_provided_and_others_are_refused(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint = register(admin, application, FINISHED, secret=NEW_SECRET)
    assert endpoint["secret"] == NEW_SECRET
    assert admin.post(f"{ENDPOINTS}/{endpoint['id']}/test", None).json()["problem"] is None
    assert verify(NEW_SECRET, application.received[-1])["type"] == "test"
    with pytest.raises(WebhookVerificationError):
        verify("whsec_" + base64.b64encode(bytes(32)).decode(), application.received[-1])
    for wrong in ("whsec_short", "secret", "whsec_!" + "A" * 40):
        answer = admin.post(f"{ENDPOINTS}/{endpoint['id']}/rotate-secret", {"secret": wrong})
        assert_error(answer, 400, "IDVP-60002", "secret")
    with world.connector.services.database.read() as connection:
        stored = json.dumps(
            [list(map(str, row)) for row in connection.exec_driver_sql("SELECT * FROM notice_endpoints")]
        )
    assert NEW_SECRET.removeprefix("whsec_") not in stored


def test_no_notice_is_sent_to_a_removed_endpoint(world: World, admin: Caller, application: Application) -> None:
    endpoint = register(admin, application, *ALL_EVENTS)
    application.answers(Reply(503))
    finish(world)
    settled(world)
    application.answers(Reply(delay=0.3))
    let_pass(world.connector.services.database, HOUR)

    assert admin.request("DELETE", f"{ENDPOINTS}/{endpoint['id']}").status_code == 204

    sent = len(application.received)
    finish(world, "bea")
    let_pass(world.connector.services.database, HOUR)
    settled(world)
    assert len(application.received) == sent
    assert not rows_of(world, "tell_change", ("ready",))
    assert_error(admin.get(f"{ENDPOINTS}/{endpoint['id']}"), 404, "IDVP-60020")


def test_all_notices_since_a_time_are_sent_again_with_their_ids(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint = register(admin, application, FINISHED)
    for user_id in ("ann", "bea"):
        finish(world, user_id)
        settled(world)
    ids = [each.headers["webhook-id"] for each in application.received]
    path = f"{ENDPOINTS}/{endpoint['id']}/recover"

    assert admin.post(path, {"since": "2001-01-01T00:00:00Z"}).status_code == 202
    world.wait_until(lambda: len(application.received) == 4)
    assert sorted(each.headers["webhook-id"] for each in application.received) == sorted(ids * 2)
    settled(world)
    assert admin.post(path, {"since": "2999-01-01T00:00:00Z"}).status_code == 202
    world.wait_until(lambda: not rows_of(world, "resend_notices", ("ready",)))
    settled(world)
    assert len(application.received) == 4
    for wrong in ({}, {"since": "yesterday"}):
        assert_error(admin.post(path, wrong), 400, "IDVP-60002", "since")


def test_one_notice_is_sent_again(world: World, admin: Caller, application: Application) -> None:
    endpoint = register(admin, application, FINISHED)
    finish(world)
    settled(world)
    [delivery] = admin.get(DELIVERIES, params={"endpointId": endpoint["id"]}).json()["deliveries"]

    assert admin.post(f"{DELIVERIES}/{delivery['id']}/retry", None).status_code == 204

    world.wait_until(lambda: len(application.received) == 2)
    assert len({each.headers["webhook-id"] for each in application.received}) == 1


# Administrators


def test_endpoints_belong_to_their_tenant_and_changes_are_audited(
    world: World, admin: Caller, application: Application
) -> None:
    endpoint = register(admin, application, FINISHED)
    others = world.connector.as_admin(OTHERS)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    body = {"url": application.url, "events": [CLAIMS]}
    assert others.get(ENDPOINTS).json() == {"count": 0, "endpoints": []}
    for answer in (
        *(others.get(path), others.put(path, body), others.request("DELETE", path), others.post(f"{path}/test", None)),
        *(others.post(f"{path}/rotate-secret", {}), others.post(f"{path}/recover", {"since": "2026-01-01T00:00:00Z"})),
    ):
        assert_error(answer, 404, "IDVP-60020")
    assert_error(others.post(ENDPOINTS, body | {"providerId": world.provider_id}), 404, "IDVP-60000")

    assert admin.put(path, body).json()["events"] == [CLAIMS]
    admin.post(f"{path}/rotate-secret", {}).raise_for_status()
    assert admin.request("DELETE", path).status_code == 204

    audited = admin.get("/api/server/v1/audit", params={"object": endpoint["id"]}).json()["entries"]
    assert [each["to"] for each in audited] == ["removed", "secret_replaced", "changed", "added"]
    assert audited[2]["detail"] == {"properties": ["events"]}
    assert others.get("/api/server/v1/audit", params={"subject": "endpoint"}).json()["entries"] == []


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"url": "ftp://app.example.com"}, "url"),
        ({"url": "https://app.example.com"}, "url"),  # no host is allowed
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["verification.begun"]}, "events"),
        ({"events": [FINISHED, FINISHED]}, "events"),
        ({"tasks": ["a task"]}, "tasks"),
        ({"secret": "short"}, "secret"),
    ],
)
def test_an_invalid_endpoint_is_refused(admin: Caller, application: Application, members: Any, field: str) -> None:
    body = {"url": application.url, "events": [FINISHED]} | members
    assert_error(admin.post(ENDPOINTS, body), 400, "IDVP-60002", field)
    assert admin.get(ENDPOINTS).json()["count"] == 0


def test_a_test_of_an_endpoint_returns_its_answer(world: World, admin: Caller, application: Application) -> None:
    endpoint = register(admin, application, FINISHED)
    path = f"{ENDPOINTS}/{endpoint['id']}/test"
    application.answers(Reply(201, b"hello"), Reply(403, b"no"))

    taken, refused = (admin.post(path, None).json() for _ in range(2))

    assert (taken["status"], taken["answer"], taken["problem"]) == (201, "hello", None)
    assert (refused["status"], refused["answer"]) == (403, "no")
    assert refused["problem"] == f"{application.host} answered HTTP 403."
    at = datetime.fromisoformat(application.received[0].body["at"])
    assert (application.received[0].body["type"], at.tzinfo is not None) == ("test", True)


def test_the_command_line_manages_endpoints(world: World, application: Application, run: Callable[..., Result]) -> None:
    def call(*words: str) -> Result:
        return run("notices", *words, CONNECTOR_ALLOW_HTTP_LOOPBACK="true")

    def read(*words: str) -> Any:
        return json.loads(call(*words, "--json").stdout)

    made = read("add", application.url, "--event", FINISHED, "--provider", world.provider_id)
    endpoint_id = made["id"]
    assert made["secret"].startswith("whsec_")
    assert [each["id"] for each in read("list")["endpoints"]] == [endpoint_id]
    assert read("update", endpoint_id, "--event", CLAIMS)["events"] == [CLAIMS]
    assert read("update", endpoint_id, "--disable")["disabledBecause"] == "administrator"
    assert read("update", endpoint_id, "--enable")["isEnabled"] is True
    assert read("rotate-secret", endpoint_id)["secret"] not in (made["secret"], "********")
    assert read("test", endpoint_id)["status"] == 204
    application.answers(Reply(500))
    assert call("test", endpoint_id).exit_code == 1
    application.answers(Reply())
    finish(world)
    settled(world)
    application.received.clear()
    [delivery] = read("attempts", endpoint_id)["deliveries"]
    assert call("resend", delivery["id"]).exit_code == 0
    world.wait_until(lambda: len(application.received) == 1)
    settled(world)
    assert call("recover", endpoint_id, "--since", "yesterday").exit_code == 2
    assert call("recover", endpoint_id, "--since", "2001-01-01T00:00:00Z").exit_code == 0
    world.wait_until(lambda: len(application.received) == 2)
    assert call("remove", endpoint_id, "--yes").exit_code == 0
    assert read("list")["count"] == 0
    assert call("test", endpoint_id).exit_code == 1
