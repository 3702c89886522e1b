from __future__ import annotations

import json
import queue
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from connector.simulator.server import Simulator
from tests import vendor as onfido

Json = dict[str, Any]
Received = queue.Queue[tuple[bytes, str]]


def next_event(received: Received) -> Json:
    payload: Json = json.loads(received.get(timeout=60)[0])["payload"]
    return payload


def test_webhooks_are_created_listed_changed_and_deleted(vendor: onfido.DefaultApi) -> None:
    event = onfido.WebhookEventType.WORKFLOW_RUN_DOT_COMPLETED
    created = vendor.create_webhook(onfido.WebhookBuilder(url="https://example.org/hook", events=[event]))

    assert created.token
    assert created.href == f"/v3.6/webhooks/{created.id}"
    assert (created.enabled, created.events, created.environments) == (True, [event], ["sandbox", "live"])
    assert vendor.find_webhook(created.id) == created
    assert vendor.list_webhooks().webhooks == [created]

    updated = vendor.update_webhook(created.id, onfido.WebhookUpdater(enabled=False))
    assert (updated.enabled, updated.url, updated.token) == (False, "https://example.org/hook", created.token)

    vendor.delete_webhook(created.id)
    assert vendor.list_webhooks().webhooks == []
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.find_webhook(created.id)


def test_a_webhook_without_events_receives_all(vendor: onfido.DefaultApi) -> None:
    created = vendor.create_webhook(onfido.WebhookBuilder(url="https://example.org/hook"))
    known = set(onfido.WebhookEventType) - {onfido.WebhookEventType.UNKNOWN_DEFAULT_OPEN_API}
    assert set(created.events or []) == known


def test_known_events_can_be_resent_and_others_are_refused(
    simulator: Simulator, http: requests.Session, vendor: onfido.DefaultApi
) -> None:
    item = onfido.WebhooksResendItem(resource_id=uuid.uuid4(), event=onfido.WebhookEventType.CHECK_DOT_COMPLETED)
    vendor.resend_webhooks(onfido.WebhookResend(data=[item]))
    item.event = onfido.WebhookEventType.WORKFLOW_RUN_DOT_COMPLETED
    with pytest.raises(onfido.exceptions.UnprocessableEntityException):
        vendor.resend_webhooks(onfido.WebhookResend(data=[item]))
    bodies: list[Json] = [{}, {"data": [{"resource_id": "x", "event": "check.completed"}]}, {"data": [{}]}]
    for body in bodies:
        answer = http.post(f"{simulator.api_url}/webhooks/resend", json=body, timeout=60)
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["data"])


@pytest.mark.parametrize("url", ["http://localhost:1/x", "http://127.0.0.9/x", "http://[::1]:80/x"])
def test_plain_http_is_accepted_only_to_loopback(simulator: Simulator, http: requests.Session, url: str) -> None:
    assert http.post(f"{simulator.api_url}/webhooks", json={"url": url}, timeout=60).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://example.org/hook"),
        ("url", "ftp://127.0.0.1/hook"),
        ("url", "https://[broken"),
        ("url", "https://example.org:99999/"),
        ("url", 1),
        ("events", ["workflow_run.finished"]),
        ("events", "workflow_run.completed"),
        ("environments", ["moon"]),
        ("enabled", "yes"),
        ("payload_version", True),
    ],
)
def test_a_webhook_that_breaks_onfidos_rules_is_refused_by_name(
    simulator: Simulator, http: requests.Session, field: str, value: Any
) -> None:
    body = {"url": "https://example.org/hook"} | {field: value}
    answer = http.post(f"{simulator.api_url}/webhooks", json=body, timeout=60)
    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == [field]


def test_the_vendors_verifier_accepts_the_signature_and_reads_the_event(
    received: Received,
    subscribe: Callable[..., Json],
    new_run: Callable[..., Json],
    end_run: Callable[..., Json],
) -> None:
    webhook = subscribe()
    run = end_run(new_run())
    body, signature = received.get(timeout=60)

    event = onfido.WebhookEventVerifier(webhook["token"]).read_payload(body.decode(), signature)

    assert event is not None
    assert event.payload is not None
    assert event.payload.action == "workflow_run.completed"
    payload = json.loads(body)["payload"]
    assert payload["resource_type"] == "workflow_run"
    assert payload["object"]["id"] == run["id"]
    assert payload["object"]["status"] == "approved"
    assert payload["object"]["completed_at_iso8601"] == run["updated_at"]
    assert payload["object"]["href"].endswith(f"/v3.6/workflow_runs/{run['id']}")
    assert payload["resource"] == run


def test_another_tokens_signature_does_not_verify(
    received: Received, subscribe: Callable[..., Json], new_run: Callable[..., Json], end_run: Callable[..., Json]
) -> None:
    subscribe()
    end_run(new_run())
    body, signature = received.get(timeout=60)
    with pytest.raises(onfido.OnfidoInvalidSignatureError):
        onfido.WebhookEventVerifier("another").read_payload(body.decode(), signature)


def test_the_tasks_of_a_run_send_events_in_order(
    received: Received, subscribe: Callable[..., Json], new_run: Callable[..., Json], end_run: Callable[..., Json]
) -> None:
    subscribe(events=[])
    run = end_run(new_run())
    events = [next_event(received) for _ in range(5)]

    assert [(event["action"], event["resource"].get("task_def_id")) for event in events] == [
        ("workflow_task.started", "document_photo"),
        ("workflow_task.completed", "document_photo"),
        ("workflow_task.started", "document_check"),
        ("workflow_task.completed", "document_check"),
        ("workflow_run.completed", None),
    ]
    assert events[2]["resource"]["output"] is None
    assert events[3]["resource"]["output"]["name"] == "document"
    assert events[3]["object"]["task_def_id"] == "document_check"
    assert {event["object"].get("workflow_run_id", run["id"]) for event in events} == {run["id"]}


def test_a_completed_task_sends_an_event(
    simulator: Simulator,
    http: requests.Session,
    received: Received,
    subscribe: Callable[..., Json],
    new_run: Callable[..., Json],
) -> None:
    subscribe(events=["workflow_task.completed"])
    tasks = f"{simulator.api_url}/workflow_runs/{new_run()['id']}/tasks"
    task_id = http.get(tasks, timeout=60).json()[0]["id"]
    http.post(f"{tasks}/{task_id}/complete", json={"data": [{"a": 1}]}, timeout=60).raise_for_status()
    assert next_event(received)["resource"]["output"] == [{"a": 1}]


@pytest.mark.parametrize(
    "values", [{"enabled": False}, {"events": ["check.completed"]}, {"environments": ["live"]}], ids=str
)
def test_an_event_is_sent_only_to_its_subscribers(
    received: Received,
    subscribe: Callable[..., Json],
    new_run: Callable[..., Json],
    end_run: Callable[..., Json],
    state_of: Callable[[], Json],
    values: Json,
) -> None:
    subscribe(**values)
    end_run(new_run())
    assert state_of()["deliveries"] == []
    assert received.empty()


def test_a_delivery_is_retried_until_a_success(
    received: Received,
    answers: queue.Queue[int],
    subscribe: Callable[..., Json],
    new_run: Callable[..., Json],
    end_run: Callable[..., Json],
) -> None:
    answers.put(500)
    answers.put(302)
    subscribe()
    end_run(new_run())
    bodies = {received.get(timeout=60)[0] for _ in range(3)}
    assert len(bodies) == 1


def test_a_delivery_is_given_up_after_the_last_attempt(
    received: Received,
    answers: queue.Queue[int],
    subscribe: Callable[..., Json],
    new_run: Callable[..., Json],
    end_run: Callable[..., Json],
    state_of: Callable[[], Json],
) -> None:
    for _ in range(4):
        answers.put(503)
    subscribe()
    run = end_run(new_run())
    for _ in range(3):
        received.get(timeout=60)
    end_run(new_run())
    received.get(timeout=60)  # the fourth answer goes to the next event: the first is not tried a fourth time

    delivery = state_of()["deliveries"][0]
    assert (delivery["run_id"], delivery["event"]) == (run["id"], "workflow_run.completed")
    assert (delivery["attempts"], delivery["last_status"], delivery["lost"]) == (3, 503, False)


def test_an_unreachable_receiver_does_not_affect_others(
    received: Received, subscribe: Callable[..., Json], new_run: Callable[..., Json], end_run: Callable[..., Json]
) -> None:
    subscribe(url="http://127.0.0.1:1/")
    subscribe()
    run = end_run(new_run())
    assert next_event(received)["object"]["id"] == run["id"]


def test_deleted_and_unknown_webhooks_are_not_found(vendor: onfido.DefaultApi) -> None:
    for attempt in (vendor.find_webhook, vendor.delete_webhook):
        with pytest.raises(onfido.exceptions.NotFoundException):
            attempt(uuid.uuid4())
    with pytest.raises(onfido.exceptions.NotFoundException):
        vendor.update_webhook(uuid.uuid4(), onfido.WebhookUpdater(enabled=True))
