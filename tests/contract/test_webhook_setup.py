"""A provider's webhook at Onfido: registered, repaired, never duplicated, and removed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from sqlalchemy import update

from connector.settings import Settings
from connector.store.models import providers
from tests.bodies import config_properties, provider_body
from tests.contract.account import (
    MATCHES,
    NAMES,
    NOTICE_SECRET,
    RESULT,
    TASK,
    Between,
    ask_onfido,
    asked,
    at_onfido,
    checked,
    give_token,
    once,
    post,
    provider_with,
    register,
    remove,
    told,
    url_of,
)
from tests.contract.wire import PROVIDERS, UNKNOWN_ID, WEBHOOK_TOKEN, answer_on, assert_error, new_provider, new_user
from tests.harness import ADMIN, Caller, ConnectorServer, World, verified
from tests.loopback import Quiet, serving
from tests.values import GIVEN_NAME, LAST_NAME

# Registering the webhook


def test_a_webhook_is_registered_for_the_events_in_use_and_its_token_stored(
    shared: World, admin: Caller, provider_id: str
) -> None:
    answer = admin.post(f"{PROVIDERS}/{provider_id}/webhook", None)

    [webhook] = at_onfido(shared, provider_id)
    assert answer_on(answer, 201) == {
        "webhookId": webhook["id"],
        "webhookUrl": url_of(shared, provider_id),
        "events": [RESULT],
        "environments": ["sandbox"],
        "isNew": True,
    }
    assert (webhook["events"], webhook["environments"], webhook["enabled"]) == ([RESULT], ["sandbox"], True)
    assert webhook["token"] not in answer.text
    assert post(shared, provider_id, webhook["token"]) == 200
    assert told(shared, provider_id) == [(ADMIN, {"properties": ["webhook_token"], "webhook": "created"})]


def test_a_result_arrives_through_the_registered_webhook(shared: World, admin: Caller, provider_id: str) -> None:
    register(admin, provider_id, 201)
    _, me = new_user(shared)
    started = answer_on(me.verify(provider_id, "INITIATED", [GIVEN_NAME, LAST_NAME]), 200)

    shared.outcome(started["claims"][0]["claimMetadata"]["onfido_workflow_run_id"])

    shared.wait_until(lambda: verified(me.claims()) == {GIVEN_NAME, LAST_NAME})


def test_a_second_call_changes_nothing(shared: World, admin: Caller, provider_id: str) -> None:
    writes = ("POST /webhooks", "PUT /webhooks/{webhook_id}", "DELETE /webhooks/{webhook_id}")
    webhook = register(admin, provider_id, 201)
    before = (told(shared, provider_id), [asked(shared, route) for route in writes])

    assert register(admin, provider_id) == webhook | {"isNew": False}

    assert (told(shared, provider_id), [asked(shared, route) for route in writes]) == before
    properties = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["configProperties"]
    assert "previous_webhook_token_expires_at" not in {item["key"] for item in properties}


def test_the_webhooks_events_follow_the_studio_settings(shared: World, admin: Caller) -> None:
    properties = config_properties(shared.simulator, notice_secret=NOTICE_SECRET)
    body = provider_body(shared.simulator, name="Tells its application", configProperties=properties)
    provider_id = answer_on(admin.post(PROVIDERS, body), 201)["id"]
    assert register(admin, provider_id, 201)["events"] == [RESULT]
    studio = {"notices": {"url": "http://127.0.0.1:9/notices"}}
    answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body | {"studio": studio}), 200)
    assert TASK in checked(admin, provider_id)[1]["webhook"]

    assert register(admin, provider_id)["events"] == [RESULT, TASK, MATCHES]

    assert at_onfido(shared, provider_id)[0]["events"] == [RESULT, TASK, MATCHES]
    assert checked(admin, provider_id)[0]["webhook"] is True
    answer_on(admin.put(f"{PROVIDERS}/{provider_id}", body | {"studio": {}}), 200)
    assert register(admin, provider_id)["events"] == [RESULT]
    assert at_onfido(shared, provider_id)[0]["events"] == [RESULT]


def test_webhooks_of_other_systems_are_left_unchanged(shared: World, admin: Caller, provider_id: str) -> None:
    others = [
        ask_onfido(shared, "POST", url="https://elsewhere.example/hook", events=["check.completed"]),
        ask_onfido(shared, "POST", url=url_of(shared, new_provider(shared))),
    ]

    register(admin, provider_id, 201)
    assert remove(admin, provider_id).status_code == 204

    assert [other for other in others if other not in ask_onfido(shared, "GET")["webhooks"]] == []


def test_a_replaced_token_stays_valid_during_the_overlap(shared: World, admin: Caller) -> None:
    provider_id = provider_with(shared, webhook_token=WEBHOOK_TOKEN)
    register(admin, provider_id, 201)
    [webhook] = at_onfido(shared, provider_id)

    assert [post(shared, provider_id, token) for token in (WEBHOOK_TOKEN, webhook["token"], "x")] == [200, 200, 401]
    properties = answer_on(admin.get(f"{PROVIDERS}/{provider_id}"), 200)["configProperties"]
    assert "previous_webhook_token_expires_at" in {item["key"] for item in properties}


@pytest.mark.parametrize("path", ["test-connection", "webhook"])
def test_unknown_and_foreign_providers_are_not_found(shared: World, admin: Caller, path: str) -> None:
    theirs = World(shared.connector, shared.simulator, shared.clock, tenant="setup.example")
    for provider_id in (UNKNOWN_ID, new_provider(theirs)):
        assert_error(admin.post(f"{PROVIDERS}/{provider_id}/{path}", None), 404, "IDVP-60000", provider_id)
        assert_error(remove(admin, provider_id), 404, "IDVP-60000", provider_id)


def test_the_webhook_of_a_tenant_has_its_path(shared: World) -> None:
    theirs = World(shared.connector, shared.simulator, shared.clock, tenant="webhooks.example")
    provider_id, admin = new_provider(theirs), shared.connector.as_admin(theirs.tenant)

    url = register(admin, provider_id, 201)["webhookUrl"]

    assert url == f"{shared.connector.url}/t/webhooks.example/idv/onfido/v1/{provider_id}/verify"
    assert checked(admin, provider_id)[0]["webhook"] is True


# Failures


def test_a_token_refused_by_onfido_registers_no_webhook(shared: World, admin: Caller) -> None:
    provider_id = provider_with(shared, token="no-token-of-onfidos")

    assert_error(admin.post(f"{PROVIDERS}/{provider_id}/webhook", None), 400, "OIDV-10038")


@pytest.mark.parametrize(
    ("route", "switch", "code"),
    [
        ("GET /webhooks", "failed", "OIDV-10046"),
        ("POST /webhooks", "throttled", "OIDV-10045"),
        ("POST /webhooks", "dropped_after", "OIDV-10046"),
    ],
)
def test_an_outage_of_onfido_is_reported_and_a_repeated_call_succeeds(
    onfido: World, admin: Caller, route: str, switch: str, code: str
) -> None:
    provider_id = new_provider(onfido)
    onfido.faults(route=route, retry_after=0, **{switch: 1})

    answer = admin.post(f"{PROVIDERS}/{provider_id}/webhook", None)

    assert_error(answer, 503, code)
    assert int(answer.headers["Retry-After"]) > 0
    assert told(onfido, provider_id) == []
    register(admin, provider_id, 200 if switch == "dropped_after" else 201)
    assert len(at_onfido(onfido, provider_id)) == 1
    assert checked(admin, provider_id)[0] == dict.fromkeys(NAMES, True)


def test_a_stored_forbidden_property_is_the_same_error_as_in_a_verification(settings: Settings, world: World) -> None:
    stricter = dataclasses.replace(settings, allow_http_loopback=False)
    with ConnectorServer(stricter, world.clock) as connector:
        admin, path = connector.as_admin(), f"{PROVIDERS}/{world.provider_id}"
        for method, operation in (("POST", "test-connection"), ("POST", "webhook"), ("DELETE", "webhook")):
            assert_error(admin.request(method, f"{path}/{operation}"), 400, "OIDV-10016", "base_url")


@pytest.mark.parametrize(
    ("method", "operation"), [("POST", "test-connection"), ("POST", "webhook"), ("DELETE", "webhook")]
)
def test_a_damaged_stored_token_is_an_error_and_not_repeated(
    shared: World, admin: Caller, method: str, operation: str
) -> None:
    provider_id = provider_with(shared, webhook_token=WEBHOOK_TOKEN)
    damaged = {"webhook_token": providers.c.api_token}
    with shared.connector.services.database.write() as connection:
        connection.execute(update(providers).where(providers.c.id == provider_id).values(damaged))

    assert_error(admin.request(method, f"{PROVIDERS}/{provider_id}/{operation}"), 400, "OIDV-10016", "webhook_token")


def test_a_public_url_unreachable_for_onfido_is_refused_before_any_call(world: World) -> None:
    world.connector.app.config["PUBLIC_URL"] = "http://idv.example.com"
    admin, before = world.connector.as_admin(), asked(world, "GET /webhooks")

    answer = admin.post(f"{PROVIDERS}/{world.provider_id}/webhook", None)

    assert_error(answer, 400, "OIDV-10016", "public_url", "https", "http://idv.example.com")
    assert "public_url" in checked(admin, world.provider_id)[1]["webhook"]
    assert asked(world, "GET /webhooks") == before


# At the same time


def test_concurrent_calls_leave_one_webhook_with_the_registered_token(
    shared: World, admin: Caller, provider_id: str
) -> None:
    with ThreadPoolExecutor(6) as pool:
        path = f"{PROVIDERS}/{provider_id}/webhook"
        answers = list(pool.map(lambda _: admin.post(path, None), range(6)))

    assert {answer.status_code for answer in answers} <= {200, 201}
    [webhook] = at_onfido(shared, provider_id)
    assert {answer.json()["webhookId"] for answer in answers} == {webhook["id"]}
    assert [answer.status_code for answer in answers].count(201) <= 1
    assert post(shared, provider_id, webhook["token"]) == 200
    assert checked(admin, provider_id)[0] == dict.fromkeys(NAMES, True)


@pytest.fixture
def between(shared: World) -> Iterator[Between]:
    """A proxy between the connector and Onfido."""
    made = Between()

    class Handler(Quiet):
        def forward(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.before(self.command, self.path)
            headers = {"Authorization": self.headers["Authorization"], "Content-Type": "application/json"}
            url = shared.simulator.url + self.path
            answer = requests.request(self.command, url, data=content, headers=headers, timeout=60)
            body = answer.content
            if made.hides_tokens and self.command == "GET" and self.path.endswith("/webhooks"):
                body = json.dumps({"webhooks": [each | {"token": None} for each in answer.json()["webhooks"]]}).encode()
            self.answer(answer.status_code, body)

        do_GET = do_POST = do_PUT = do_DELETE = forward  # noqa: N815  the base class's names

    with serving(Handler) as url:
        made.url = f"{url}/v3.6"
        yield made


@pytest.mark.parametrize("hides_tokens", [False, True])
def test_a_call_that_lost_a_race_deletes_its_webhook_and_returns_the_other(
    shared: World, admin: Caller, between: Between, hides_tokens: bool
) -> None:
    between.hides_tokens = hides_tokens
    provider_id = provider_with(shared, base_url=between.url)
    quicker: list[dict[str, Any]] = []
    between.before = once("POST", "webhooks", lambda: quicker.append(register(admin, provider_id, 201)))

    slower = register(admin, provider_id)

    assert slower == quicker[0] | {"isNew": False}
    [webhook] = at_onfido(shared, provider_id)
    assert webhook["id"] == slower["webhookId"]
    assert post(shared, provider_id, webhook["token"]) == 200


def test_a_repair_starts_again_if_another_token_was_registered_meanwhile(
    shared: World, admin: Caller, between: Between
) -> None:
    provider_id = provider_with(shared, base_url=between.url)
    webhook = register(admin, provider_id, 201)
    ask_onfido(shared, "PUT", webhook["webhookId"], enabled=False)
    between.before = once(
        "PUT", webhook["webhookId"], lambda: give_token(shared, admin, provider_id, "given-by-hand-here")
    )

    assert register(admin, provider_id) == webhook | {"isNew": False}

    [left] = at_onfido(shared, provider_id)
    assert (left["id"], left["enabled"]) == (webhook["webhookId"], True)
    assert [post(shared, provider_id, token) for token in (left["token"], "given-by-hand-here")] == [200, 200]


def test_a_provider_removed_meanwhile_leaves_no_webhook(shared: World, admin: Caller, between: Between) -> None:
    provider_id = provider_with(shared, base_url=between.url)
    between.before = once("POST", "webhooks", lambda: admin.request("DELETE", f"{PROVIDERS}/{provider_id}"))

    assert_error(admin.post(f"{PROVIDERS}/{provider_id}/webhook", None), 404, "IDVP-60000")

    assert at_onfido(shared, provider_id) == []


def test_a_webhook_registered_during_a_removal_is_kept(shared: World, admin: Caller, between: Between) -> None:
    provider_id = provider_with(shared, base_url=between.url)
    old = register(admin, provider_id, 201)["webhookId"]

    def replace() -> None:
        ask_onfido(shared, "DELETE", old)
        register(admin, provider_id, 201)

    between.before = once("DELETE", old, replace)

    assert remove(admin, provider_id).status_code == 204

    [webhook] = at_onfido(shared, provider_id)
    assert post(shared, provider_id, webhook["token"]) == 200


# Where Onfido does not return the tokens


def test_a_webhook_whose_token_onfido_does_not_show_is_kept(shared: World, admin: Caller, between: Between) -> None:
    between.hides_tokens = True
    provider_id = provider_with(shared, base_url=between.url)
    webhook = register(admin, provider_id, 201)

    assert checked(admin, provider_id)[0] == dict.fromkeys(NAMES, True)
    assert register(admin, provider_id) == webhook | {"isNew": False}


@pytest.mark.parametrize(("number", "token"), [(1, None), (2, None), (2, WEBHOOK_TOKEN)])
def test_webhooks_that_may_all_have_another_token_are_replaced(
    shared: World, admin: Caller, between: Between, number: int, token: str | None
) -> None:
    between.hides_tokens = True
    properties = config_properties(shared.simulator, base_url=between.url, webhook_token=token)
    provider_id = new_provider(shared, configProperties=properties)
    for _ in range(number):
        ask_onfido(shared, "POST", url=url_of(shared, provider_id))
    assert checked(admin, provider_id)[0]["webhook"] is False

    made = register(admin, provider_id, 201)

    [webhook] = at_onfido(shared, provider_id)
    assert webhook["id"] == made["webhookId"]
    assert post(shared, provider_id, webhook["token"]) == 200


# Removing the webhook


def test_removing_a_webhook_forgets_both_its_tokens_at_once(shared: World, admin: Caller) -> None:
    provider_id = provider_with(shared, webhook_token=WEBHOOK_TOKEN)
    register(admin, provider_id, 201)
    [webhook] = at_onfido(shared, provider_id)

    assert remove(admin, provider_id).status_code == 204

    assert at_onfido(shared, provider_id) == []
    assert [post(shared, provider_id, token) for token in (WEBHOOK_TOKEN, webhook["token"])] == [401, 401]
    guide = answer_on(admin.get(f"{PROVIDERS}/{provider_id}/setup-guide"), 200)
    assert guide["hasWebhookToken"] is False
    actor, detail = told(shared, provider_id)[-1]
    assert (actor, detail["webhook"]) == (ADMIN, "removed")
    assert {"webhook_token", "previous_webhook_token"} < set(detail["properties"])


def test_a_missing_webhook_is_not_found(shared: World, admin: Caller, provider_id: str) -> None:
    assert_error(remove(admin, provider_id), 404, "IDVP-60017", url_of(shared, provider_id))
    register(admin, provider_id, 201)
    assert remove(admin, provider_id).status_code == 204
    before = told(shared, provider_id)
    assert_error(remove(admin, provider_id), 404, "IDVP-60017")
    assert told(shared, provider_id) == before


def test_the_token_of_a_webhook_deleted_at_onfido_can_be_removed(
    shared: World, admin: Caller, provider_id: str
) -> None:
    ask_onfido(shared, "DELETE", register(admin, provider_id, 201)["webhookId"])
    assert checked(admin, provider_id)[0]["webhook"] is False

    assert remove(admin, provider_id).status_code == 204

    assert_error(remove(admin, provider_id), 404, "IDVP-60017")


def test_no_webhook_is_removed_while_onfido_is_unavailable(onfido: World, admin: Caller) -> None:
    provider_id = new_provider(onfido)
    register(admin, provider_id, 201)
    [webhook] = at_onfido(onfido, provider_id)
    onfido.faults(route="DELETE /webhooks/{webhook_id}", failed=1)

    assert_error(remove(admin, provider_id), 503, "OIDV-10046")

    assert post(onfido, provider_id, webhook["token"]) == 200
    assert remove(admin, provider_id).status_code == 204
    assert at_onfido(onfido, provider_id) == []
