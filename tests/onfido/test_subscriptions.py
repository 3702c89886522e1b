"""The webhooks of an account: created, listed, changed, deleted."""

from __future__ import annotations

import pytest

from connector.errors import Code, OnfidoError
from connector.onfido.client import OnfidoClient, RegisteredWebhook
from connector.onfido.subscriptions import ENVIRONMENTS, EVENTS
from tests import vendor
from tests.onfido.conftest import Reply, ScriptedOnfido

URL = "https://connector.example/idv/onfido/v1/p/verify"
RESULT = "workflow_run.completed"
TOLD = {
    "id": "webhook-1",
    "url": URL,
    "token": "signing-secret",
    "href": "/v3.6/webhooks/webhook-1",
    "enabled": True,
    "events": [RESULT],
    "environments": ["live"],
}
READ = RegisteredWebhook("webhook-1", URL, "signing-secret", True, frozenset({RESULT}), frozenset({"live"}))


def test_every_event_of_the_vendors_client_is_known() -> None:
    assert {event.value for event in vendor.WebhookEventType} - {"unknown_default_open_api"} == EVENTS


def test_a_webhook_is_created_and_its_token_not_in_a_repr(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, TOLD))
    webhook = client.create_webhook(url=URL, events=[RESULT], environments=["live"], name="connector")
    assert webhook == READ
    assert "signing-secret" not in repr(webhook)
    [request] = onfido.received
    assert (request.method, request.path) == ("POST", "/v3.6/webhooks")
    assert request.json == {
        "url": URL,
        "name": "connector",
        "enabled": True,
        "events": [RESULT],
        "environments": ["live"],
        "payload_version": 3,
    }


def test_a_webhook_for_all_events_names_none(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, {"id": "webhook-1", "token": "signing-secret"}))
    webhook = client.create_webhook(url=URL, events=[], name="connector")
    assert (webhook.events, webhook.environments, webhook.is_enabled) == (EVENTS, ENVIRONMENTS, True)
    assert onfido.received[0].json == {"url": URL, "name": "connector", "enabled": True, "payload_version": 3}


def test_a_created_webhook_without_a_token_is_unusable(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(201, TOLD | {"token": None}))
    with pytest.raises(OnfidoError, match="it has no token") as caught:
        client.create_webhook(url=URL, events=[RESULT], name="connector")
    assert caught.value.code is Code.INITIATION_FAILED


def test_all_webhooks_are_listed_with_or_without_token(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    foreign = {"id": "webhook-2", "url": "https://elsewhere.example", "enabled": False, "events": ["check.completed"]}
    onfido.answers(Reply(200, {"webhooks": [TOLD, foreign, "text", {"url": URL}, {"id": 7}]}))
    first, second = client.list_webhooks()
    assert first == READ
    assert second == RegisteredWebhook(
        "webhook-2", "https://elsewhere.example", None, False, frozenset({"check.completed"}), ENVIRONMENTS
    )
    assert (onfido.received[0].method, onfido.received[0].path) == ("GET", "/v3.6/webhooks")


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"webhooks": {}}', b'{"webhooks": null}'])
def test_an_answer_that_is_not_a_list_of_webhooks_is_unreadable(
    onfido: ScriptedOnfido, client: OnfidoClient, body: bytes
) -> None:
    onfido.answers(Reply(200, body))
    with pytest.raises(OnfidoError, match="cannot be read"):
        client.list_webhooks()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([RESULT, "brand_new.event"], {RESULT, "brand_new.event"}),
        ([RESULT, 7, None, "\x00", "e" * 65], {RESULT}),
        ([7], set()),
        ([], EVENTS),
        (None, EVENTS),
        (False, EVENTS),
        ("all", set()),
        ({"a": 1}, set()),
    ],
)
def test_the_events_of_a_webhook_are_read_in_any_shape(
    onfido: ScriptedOnfido, client: OnfidoClient, events: object, expected: set[str]
) -> None:
    onfido.answers(Reply(200, {"webhooks": [TOLD | {"events": events}]}))
    [webhook] = client.list_webhooks()
    assert webhook.events == expected


def test_a_webhook_is_changed_in_place(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(200, TOLD | {"token": None, "enabled": False}))
    webhook = client.update_webhook("webhook-1", events=[RESULT], environments=["live"], enabled=False)
    assert (webhook.token, webhook.is_enabled) == (None, False)
    [request] = onfido.received
    assert (request.method, request.path) == ("PUT", "/v3.6/webhooks/webhook-1")
    assert request.json == {"enabled": False, "events": [RESULT], "environments": ["live"], "payload_version": 3}


def test_a_webhook_changed_to_all_events_names_all_of_them(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    """A member that a change leaves out might keep its value at Onfido."""
    onfido.answers(Reply(200, TOLD))
    client.update_webhook("webhook-1", events=[], environments=[])
    assert onfido.received[0].json == {
        "enabled": True,
        "events": sorted(EVENTS),
        "environments": ["live", "sandbox"],
        "payload_version": 3,
    }


def test_a_webhook_is_deleted(onfido: ScriptedOnfido, client: OnfidoClient) -> None:
    onfido.answers(Reply(204), Reply(404))
    client.delete_webhook("webhook-1")
    assert (onfido.received[0].method, onfido.received[0].path) == ("DELETE", "/v3.6/webhooks/webhook-1")
    with pytest.raises(OnfidoError) as caught:
        client.delete_webhook("webhook-1")
    assert caught.value.status == 404
