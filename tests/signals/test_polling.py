"""Polled events (RFC 8936): acknowledged, refused, lost, and long polling."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from connector.domain.signals import MAX_WAITING, STREAM_UPDATED
from connector.domain.signals import VERIFICATION as VERIFIED
from connector.domain.tenancy import Tenant
from connector.services.signals import polling
from connector.store.models import signal_events
from connector.store.signals import signal_streams
from tests.contract.wire import UNKNOWN_ID
from tests.harness import World
from tests.signals.receiver import VERIFICATION, Endpoint, Receiver, as_client, connect, level_of, verify_by_hand
from tests.waiting import GENEROUS


@pytest.fixture
def receiver(world: World) -> Receiver:
    return connect(as_client(world.connector))


def verify_all(world: World, receiver: Receiver, *user_ids: str) -> None:
    """Verify users one after another, and wait until their events are there."""
    for number, user_id in enumerate(user_ids, start=1):
        world.add_user(user_id)
        verify_by_hand(world, user_id)
        wait_for_events(world, receiver, number)


def wait_for_events(world: World, receiver: Receiver, number: int) -> None:
    world.wait_until(lambda: waiting(world, receiver) >= number)


def answered_at_once(receiver: Receiver, **request: Any) -> Any:
    """Return the answer to a poll that does not wait; a busy machine gets several attempts to show it."""
    for _ in range(5):
        began = time.monotonic()
        answer = receiver.poll(**request)
        if time.monotonic() - began < polling.MAX_WAIT:
            return answer
    raise AssertionError("it waited for an event")


def test_unconfirmed_events_are_returned_again_with_their_id(world: World, receiver: Receiver) -> None:
    verify_all(world, receiver, "ann", "bea", "cid")
    first = receiver.poll(maxEvents=2)
    assert first["moreAvailable"] is True
    assert [level_of(receiver.verify(each))[0] for each in first["sets"].values()] == ["ann", "bea"]
    assert [receiver.verify(each)["jti"] for each in first["sets"].values()] == list(first["sets"])

    again = receiver.poll(maxEvents=2)  # the confirmation was lost
    assert list(again["sets"]) == list(first["sets"])
    ann, bea = first["sets"]
    rest = receiver.poll(ack=[ann], setErrs={bea: {"err": "invalid_request", "description": "of no use"}})
    assert [level_of(receiver.verify(each))[0] for each in rest["sets"].values()] == ["cid"]
    assert rest["moreAvailable"] is False
    assert receiver.poll(ack=[*rest["sets"], ann, "unknown", UNKNOWN_ID])["sets"] == {}
    assert_empty(world, receiver)


def test_a_poll_for_no_events_only_acknowledges(world: World, receiver: Receiver) -> None:
    verify_all(world, receiver, "ann")
    [event_id] = receiver.poll()["sets"]
    asked: dict[str, Any] = {"maxEvents": 0, "returnImmediately": False}
    assert answered_at_once(receiver, **asked) == {"sets": {}, "moreAvailable": True}
    assert answered_at_once(receiver, **asked, ack=[event_id]) == {"sets": {}, "moreAvailable": False}


def test_an_event_of_another_stream_cannot_be_acknowledged(world: World, receiver: Receiver) -> None:
    other = connect(as_client(world.connector, "other"))
    verify_all(world, receiver, "ann")
    [event_id] = receiver.poll()["sets"]
    assert len(other.poll(ack=[event_id])["sets"]) == 1
    assert list(receiver.poll()["sets"]) == [event_id]


def test_a_poll_waits_for_an_event(world: World, receiver: Receiver) -> None:
    world.add_user()
    answers: list[Any] = []

    def poll_until_there_are_events() -> None:
        while True:
            began = time.monotonic()
            answers.append(receiver.poll(returnImmediately=False)["sets"])
            if answers[-1]:
                return
            assert time.monotonic() - began >= polling.MAX_WAIT, "it did not wait for as long as it could"

    with ThreadPoolExecutor(1) as pool:
        waiting_poll = pool.submit(poll_until_there_are_events)
        verify_by_hand(world, "ann")
        waiting_poll.result(GENEROUS)
    assert [level_of(receiver.verify(each))[0] for each in answers[-1].values()] == ["ann"]


@pytest.mark.one_database
def test_the_number_of_waiting_polls_is_limited(world: World, receiver: Receiver) -> None:
    """Further polls are answered at once, so that no receiver occupies all threads."""
    held = world.connector.services.signal_polling._waiting
    most = max(1, world.connector.settings.threads // 4)
    assert all(held.acquire(blocking=False) for _ in range(most))
    try:
        assert answered_at_once(receiver, returnImmediately=False)["sets"] == {}
    finally:
        held.release(most)


@pytest.mark.one_database
def test_removing_a_stream_ends_a_waiting_poll(world: World, receiver: Receiver) -> None:
    answers: list[Any] = []

    def ask() -> None:
        answers.append(receiver.caller.post(f"/ssf/poll/{receiver.stream_id}", {}))

    thread = threading.Thread(target=ask)
    thread.start()
    world.connector.services.signal_streams.remove(Tenant(world.tenant), receiver.stream_id)
    thread.join(60)
    assert answers[0].status_code == 404


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        {"maxEvents": -1},
        {"maxEvents": "2"},
        {"ack": "x"},
        {"ack": ["x"] * 501},
        {"setErrs": {str(each): {"err": "x"} for each in range(501)}},
        {"setErrs": {"x": "y"}},
        {"setErrs": {"x": {}}},
        {"returnImmediately": "yes"},
        [],
    ],
    ids=lambda body: str(body)[:40],
)
def test_an_unreadable_poll_is_refused(receiver: Receiver, body: Any) -> None:
    answer = receiver.caller.post(f"/ssf/poll/{receiver.stream_id}", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "IDVP-60002")


@pytest.mark.one_database
def test_a_pushed_stream_cannot_be_polled(world: World) -> None:
    with Endpoint() as endpoint:
        pushed = connect(as_client(world.connector), endpoint.delivery)
        answer = pushed.caller.post(f"/ssf/poll/{pushed.stream_id}", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "IDVP-60100")


def test_a_verification_event_contains_the_state(world: World, receiver: Receiver) -> None:
    world.clock.stop()
    asked = {"stream_id": receiver.stream_id, "state": "VGhpcyBpcyBh"}
    assert receiver.caller.post(VERIFICATION, asked).status_code == 204
    [event] = receiver.events()
    assert event["sub_id"] == {"format": "opaque", "id": receiver.stream_id}
    assert event["events"] == {VERIFIED: {"state": "VGhpcyBpcyBh"}}
    too_soon = receiver.caller.post(VERIFICATION, asked)
    assert (too_soon.status_code, too_soon.headers["Retry-After"]) == (429, "30")
    world.clock.advance(30)
    assert receiver.caller.post(VERIFICATION, {"stream_id": receiver.stream_id}).status_code == 204
    assert receiver.events()[1]["events"] == {VERIFIED: {}}


def test_a_paused_stream_keeps_events_and_a_disabled_one_drops_them(world: World, receiver: Receiver) -> None:
    verify_all(world, receiver, "ann")
    assert receiver.status("paused", reason="holidays")["reason"] == "holidays"
    assert receiver.ask_status() == {"stream_id": receiver.stream_id, "status": "paused", "reason": "holidays"}
    assert receiver.poll()["sets"] == {}
    verify_by_hand(world, "ann", is_verified=False)
    world.wait_until(lambda: waiting(world, receiver) == 2)
    assert "reason" not in receiver.status("enabled")
    assert [level_of(each)[0] for each in receiver.events()] == ["ann", "ann"]

    receiver.status("disabled")
    assert_empty(world, receiver)
    verify_by_hand(world, "ann")
    refused = receiver.caller.post(VERIFICATION, {"stream_id": receiver.stream_id})
    assert (refused.status_code, refused.json()["code"]) == (409, "IDVP-60101")
    receiver.status("enabled")
    assert receiver.poll()["sets"] == {}


def test_the_receiver_is_notified_when_an_operator_pauses_its_stream(world: World, receiver: Receiver) -> None:
    verify_all(world, receiver, "ann")
    streams, tenant = world.connector.services.signal_streams, Tenant(world.tenant)
    streams.switch(tenant, receiver.stream_id, "paused", "maintenance")
    [event] = receiver.events()
    assert event["events"] == {STREAM_UPDATED: {"status": "paused", "reason": "maintenance"}}
    streams.switch(tenant, receiver.stream_id, "paused", "maintenance")
    assert len(receiver.events()) == 1, "it was so already"
    streams.switch(tenant, receiver.stream_id, "enabled", None)
    assert [next(iter(each["events"])) == STREAM_UPDATED for each in receiver.events()] == [False, True, True]


def test_a_stream_with_overdue_events_is_disabled(world: World, receiver: Receiver) -> None:
    verify_all(world, receiver, "ann")
    world.clock.advance(6 * 86_400)
    world.connector.services.signal_upkeep.maintain()
    assert receiver.ask_status()["status"] == "enabled"
    world.clock.advance(2 * 86_400)
    world.connector.services.signal_upkeep.maintain()
    state = receiver.ask_status()
    assert state["status"] == "disabled"
    assert "7 days" in state["reason"]
    [event] = receiver.events()
    assert event["events"] == {STREAM_UPDATED: {"status": "disabled", "reason": state["reason"]}}
    world.clock.advance(8 * 86_400)
    world.connector.services.signal_upkeep.maintain()
    assert_empty(world, receiver)


def test_a_stream_with_too_many_events_is_disabled(world: World, receiver: Receiver) -> None:
    verify_all(world, receiver, "ann", "bea")
    with world.connector.services.database.write() as connection:
        signal_streams.change(connection, receiver.stream_id, {"waiting": MAX_WAITING})
    world.add_user("cid")
    verify_by_hand(world, "cid")
    world.wait_until(lambda: receiver.ask_status()["status"] == "disabled")
    assert "events waited" in receiver.ask_status()["reason"]
    assert [next(iter(each["events"])) for each in receiver.events()] == [STREAM_UPDATED]


def waiting(world: World, receiver: Receiver) -> int:
    """Return a stream's reported number of events."""
    return world.connector.services.signal_streams.get(Tenant(world.tenant), receiver.stream_id).waiting


def assert_empty(world: World, receiver: Receiver) -> None:
    """Wait until a stream reports no events."""
    world.wait_until(lambda: waiting(world, receiver) == 0)
    with world.connector.services.database.read() as connection:
        of_stream = signal_events.c.stream_id == receiver.stream_id
        assert connection.execute(select(signal_events.c.number).where(of_stream)).all() == []
