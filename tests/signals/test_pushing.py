"""Pushed events (RFC 8935): in order, each once, and again after a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from joserfc.errors import JoseError
from sqlalchemy import update

from connector.domain.signals import PUSH, STREAM_UPDATED
from connector.domain.tenancy import Tenant
from connector.services.signals.pushing import FINAL_REASONS
from connector.services.signals.writing import PushSignals
from connector.store.models import outbox
from connector.store.signals import signal_streams
from tests.harness import World
from tests.services.receiving import failures_of, rows_of, wait_for, wait_for_failure
from tests.signals.receiver import HIGH, LOW, STREAMS, Endpoint, Receiver, as_client, connect, level_of, verify_by_hand
from tests.signals.test_polling import assert_empty, wait_for_events, waiting

UP, DOWN = ("ann", LOW, HIGH), ("ann", HIGH, LOW)


def flip(world: World, receiver: Receiver, times: int, user_id: str = "ann") -> None:
    """Verify a user and withdraw the verification in turn, with one event for each change."""
    for number in range(times):
        verify_by_hand(world, user_id, is_verified=number % 2 == 0)
        wait_for_events(world, receiver, number + 1)


def due_now(world: World) -> None:
    """Retry failed deliveries at once."""
    with world.connector.services.database.write() as connection:
        failed = (outbox.c.kind == "push_signals", outbox.c.state == "ready")
        connection.execute(update(outbox).where(*failed).values(due_at=outbox.c.created_at))


def paused(world: World, endpoint: Endpoint, events: int) -> Receiver:
    """Connect a receiver, and have a number of events wait for its stream, which is paused."""
    receiver = connect(as_client(world.connector), endpoint.delivery)
    world.add_user()
    receiver.status("paused")
    flip(world, receiver, events)
    return receiver


@contextmanager
def refused(world: World) -> Iterator[tuple[Endpoint, Receiver]]:
    """Run a receiver that answers with 503; once it has refused a verified user's first event, stop the deliveries."""
    with Endpoint(lambda *_: (503, None)) as endpoint:
        receiver = connect(as_client(world.connector), endpoint.delivery)
        world.add_user()
        verify_by_hand(world, "ann")
        wait_for_failure(world, "push_signals")
        world.connector.rest()
        yield endpoint, receiver


def test_events_are_pushed_in_order(world: World) -> None:
    with Endpoint() as endpoint:
        receiver = paused(world, endpoint, 5)
        assert endpoint.received == []
        receiver.status("enabled")
        assert_empty(world, receiver)
        assert [level_of(receiver.verify(each)) for each in endpoint.tokens] == [UP, DOWN, UP, DOWN, UP]
        headers, _ = endpoint.received[0]
        assert headers["content-type"] == "application/secevent+jwt"
        assert headers["accept"] == "application/json"
        assert headers["authorization"] == "Bearer of-the-receiver"
        verify_by_hand(world, "ann", is_verified=False)
        world.wait_until(lambda: len(endpoint.received) == 6)
        assert level_of(receiver.verify(endpoint.tokens[-1])) == DOWN


@pytest.mark.parametrize(
    "answer", [(503, None), (429, None), (400, None), (400, {"err": "invalid_key"}), (401, None), (302, None)], ids=str
)
def test_an_event_that_is_not_accepted_is_repeated_before_the_next(world: World, answer: tuple[int, Any]) -> None:
    def decide(_token: str, number: int) -> tuple[int, Any]:
        return answer if number <= 2 else (202, None)

    with Endpoint(decide) as endpoint:
        receiver = paused(world, endpoint, 2)
        receiver.status("enabled")
        wait_for_failure(world, "push_signals", 1)
        due_now(world)
        wait_for_failure(world, "push_signals", 2)
        due_now(world)
        assert_empty(world, receiver)
        events = [receiver.verify(each) for each in endpoint.tokens]
        assert [level_of(each) for each in events] == [UP, UP, UP, DOWN]
        assert len({(each["jti"], each["txn"], each["iat"]) for each in events[:3]}) == 1


def test_occasional_failures_of_a_receiver_delay_its_stream_by_seconds_only(world: World) -> None:
    """An accepted event is progress: later failures do not lengthen the stream's delay."""
    with Endpoint(lambda _token, number: (503, None) if number % 2 == 0 else (202, None)) as endpoint:
        receiver = paused(world, endpoint, 4)
        receiver.status("enabled")
        assert_empty(world, receiver)  # after about three pauses of two seconds
        events = [receiver.verify(each)["jti"] for each in endpoint.tokens]
    assert len(set(events)) == 4
    assert not any(failures_of(row) for row in rows_of(world, "push_signals")), "each turn has made progress"


@pytest.mark.parametrize("reason", sorted(FINAL_REASONS))
@pytest.mark.one_database
def test_a_permanently_refused_event_is_not_sent_again(world: World, reason: str) -> None:
    def decide(_token: str, number: int) -> tuple[int, Any]:
        return (400, {"err": reason, "description": "no"}) if number == 1 else (202, None)

    with Endpoint(decide) as endpoint:
        receiver = paused(world, endpoint, 2)
        receiver.status("enabled")
        assert_empty(world, receiver)
        assert [level_of(receiver.verify(each)) for each in endpoint.tokens] == [UP, DOWN]


@pytest.mark.one_database
@pytest.mark.parametrize("content", [b"{", b"[]", b'{"err": 7}', b"[" * 4000, b"x" * 5000, b'{"err": "other"}'])
def test_a_refusal_without_a_reason_is_not_permanent(world: World, content: bytes) -> None:
    class Odd(Endpoint):
        def take(self, request: Any, _body: bytes) -> None:
            request.send_response(400)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

    with Odd() as endpoint:
        receiver = connect(as_client(world.connector), endpoint.delivery)
        world.add_user()
        verify_by_hand(world, "ann")
        row = wait_for_failure(world, "push_signals")
        assert "HTTP 400" in row.history[0]["reason"]
        assert waiting(world, receiver) == 1


def test_a_replaced_key_signs_no_event(world: World) -> None:
    def decide(token: str, number: int) -> tuple[int, Any]:
        if number > 1:
            return 202, None
        receiver.verify(token)
        world.connector.services.signing_keys.revoke("operator")
        return 503, None

    with Endpoint(decide) as endpoint:
        receiver = connect(as_client(world.connector), endpoint.delivery)
        world.add_user()
        verify_by_hand(world, "ann")
        wait_for_failure(world, "push_signals")
        due_now(world)
        assert_empty(world, receiver)
        assert level_of(receiver.verify(endpoint.tokens[1])) == UP
        with pytest.raises(JoseError):
            receiver.verify(endpoint.tokens[0])


def test_no_event_of_a_removed_stream_is_delivered(world: World) -> None:
    with refused(world) as (endpoint, receiver):
        sent = len(endpoint.received)
        assert receiver.caller.request("DELETE", STREAMS, params={"stream_id": receiver.stream_id}).status_code == 204
        assert rows_of(world, "push_signals") == []
        world.connector.deliver()
    assert len(endpoint.received) == sent


def test_an_outage_of_hours_loses_nothing(world: World) -> None:
    """The delivery is dead; the sweep queues another, and the events are still stored."""
    with refused(world) as (endpoint, receiver):
        with world.connector.services.database.write() as connection:
            dead = {"state": "dead", "settled_at": outbox.c.created_at}
            connection.execute(update(outbox).where(outbox.c.kind == "push_signals").values(dead))
        endpoint.decide = lambda *_: (202, None)
        world.connector.services.signal_upkeep.maintain()
        world.connector.deliver()
        assert_empty(world, receiver)
        assert len({receiver.verify(each)["jti"] for each in endpoint.tokens}) == 1
        assert len(rows_of(world, "push_signals", ("dead",))) == 1


def test_a_delivery_of_an_outdated_turn_sends_nothing(world: World) -> None:
    """Its worker was killed after the turn had ended, before the delivery was marked as done."""
    with refused(world) as (endpoint, receiver):
        sent = len(endpoint.received)
        pushing = world.connector.services.outbox
        delivery = pushing._handlers["push_signals"]
        delivery.deliver(PushSignals(world.tenant, receiver.stream_id, turn=7))
        assert len(endpoint.received) == sent


def test_a_disabled_stream_is_notified_only_of_that(world: World) -> None:
    with Endpoint() as endpoint:
        receiver = connect(as_client(world.connector), endpoint.delivery)
        world.connector.services.signal_streams.switch(Tenant(world.tenant), receiver.stream_id, "disabled", "misuse")
        assert_empty(world, receiver)
        [event] = [receiver.verify(each) for each in endpoint.tokens]
        assert event["events"] == {STREAM_UPDATED: {"status": "disabled", "reason": "misuse"}}
        world.add_user()
        verify_by_hand(world, "ann")
        wait_for(world, "tell_level", "done")
        assert len(endpoint.received) == 1


def test_a_stream_changed_to_polling_is_no_longer_pushed(world: World) -> None:
    with refused(world) as (endpoint, receiver):
        sent = len(endpoint.received)
        polled = {"stream_id": receiver.stream_id, "delivery": {"method": "urn:ietf:rfc:8936"}}
        assert receiver.caller.request("PATCH", STREAMS, json=polled).status_code == 200
        due_now(world)
        world.connector.deliver()
        wait_for(world, "push_signals", "done")
        assert len(endpoint.received) == sent
        assert [level_of(each) for each in receiver.events()] == [UP]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("url", "reason"),
    [("https://internal.example/events", "allowed_notice_hosts"), ("http://127.0.0.1:9/events", "gave no answer")],
)
def test_an_unreachable_or_forbidden_address_holds_the_stream(world: World, url: str, reason: str) -> None:
    receiver = connect(as_client(world.connector), {"method": PUSH, "endpoint_url": "http://127.0.0.1:9/events"})
    with world.connector.services.database.write() as connection:
        signal_streams.change(connection, receiver.stream_id, {"endpoint_url": url})
    world.add_user()
    verify_by_hand(world, "ann")
    assert reason in wait_for_failure(world, "push_signals").history[0]["reason"]
    assert waiting(world, receiver) == 1


@pytest.mark.one_database
def test_a_stream_removed_while_an_event_is_sent_stays_removed(world: World) -> None:
    def decide(*_: object) -> tuple[int, None]:
        with world.connector.services.database.write() as connection:
            signal_streams.remove(connection, receiver.stream_id)
        return 202, None

    with Endpoint(decide) as endpoint:
        receiver = connect(as_client(world.connector), {"method": PUSH, "endpoint_url": endpoint.url})
        world.add_user()
        verify_by_hand(world, "ann")
        wait_for(world, "push_signals", "done")
        assert len(endpoint.received) == 1
        assert "authorization" not in endpoint.received[0][0]


@pytest.mark.one_database
def test_the_removal_of_a_stream_waits_for_events_in_flight(world: World) -> None:
    is_removed = threading.Event()

    def decide(*_: object) -> tuple[int, None]:
        assert not is_removed.wait(0.5), "the event is still being sent"
        return 202, None

    with Endpoint(decide) as endpoint:
        receiver = connect(as_client(world.connector), endpoint.delivery)
        world.add_user()
        verify_by_hand(world, "ann")
        world.wait_until(lambda: len(endpoint.received) == 1)
        assert receiver.caller.request("DELETE", STREAMS, params={"stream_id": receiver.stream_id}).status_code == 204
        is_removed.set()
    assert len(endpoint.received) == 1


@pytest.mark.one_database
def test_upkeep_skips_a_stream_removed_meanwhile(world: World) -> None:
    upkeep = world.connector.services.signal_upkeep
    upkeep.disable("gone", world.clock())
    upkeep.queue_again("gone")
    assert rows_of(world, "push_signals") == []
