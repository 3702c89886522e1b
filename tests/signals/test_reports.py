"""Streams as administrators see them: over HTTP, on the command line, and in the console."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert

from connector.domain.signals import COUNTED, LEVEL_CHANGE, POLL, PUSH
from connector.store.models import signal_subjects
from tests.console.test_every_page import sign_in
from tests.contract.wire import SIGNAL_STREAMS, UNKNOWN_ID
from tests.harness import World
from tests.services.ageing import let_pass
from tests.services.test_outbox import LEASE_OVER
from tests.signals.receiver import Endpoint, Receiver, as_client, connect, verify_by_hand


def report_of(world: World, receiver: Receiver) -> dict[str, object]:
    """Return a stream as administrators read it."""
    answer = world.connector.as_admin().get(f"{SIGNAL_STREAMS}/{receiver.stream_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_stream_shows_acknowledged_and_failed_events(world: World) -> None:
    world.add_user()
    with Endpoint(lambda *_: (503, None)) as endpoint:
        pushed = connect(as_client(world.connector), endpoint.delivery, description="the app")
        polled = connect(as_client(world.connector, "other"))
        fresh = report_of(world, pushed)
        assert (fresh["client"], fresh["status"], fresh["description"]) == ("app", "enabled", "the app")
        assert (fresh["delivered_at"], fresh["failures"], fresh["last_failure"], fresh["waiting"]) == (None, 0, None, 0)
        assert (fresh["events_delivered"], fresh["default_subjects"], fresh["subjects"]) == ([LEVEL_CHANGE], "ALL", 0)
        assert "of-the-receiver" not in str(fresh)
        listed = world.connector.as_admin().get(SIGNAL_STREAMS).json()
        assert listed == {"count": 2, "streams": [fresh, report_of(world, polled)]}

        verify_by_hand(world, "ann")
        world.wait_until(lambda: report_of(world, pushed)["failures"] != 0)
        failing = report_of(world, pushed)
        assert (failing["waiting"], failing["is_dead"]) == (1, False)
        assert "HTTP 503" in str(failing["last_failure"])

        endpoint.decide = lambda *_: (202, None)
        let_pass(world.connector.services.database, LEASE_OVER)
        world.wait_until(lambda: report_of(world, pushed)["waiting"] == 0)
        delivered = report_of(world, pushed)
        assert delivered["delivered_at"] is not None
        world.wait_until(lambda: report_of(world, pushed)["failures"] == 0)

    world.wait_until(lambda: report_of(world, polled)["waiting"] == 1)
    assert report_of(world, polled)["delivered_at"] is None
    polled.poll(ack=list(polled.poll()["sets"]))
    assert report_of(world, polled)["delivered_at"] is not None
    assert [fresh["delivery"]["method"], report_of(world, polled)["delivery"]["method"]] == [PUSH, POLL]  # type: ignore[index]


def test_another_tenant_sees_no_stream(world: World) -> None:
    receiver = connect(as_client(world.connector))
    theirs = connect(as_client(world.connector, tenant="acme"))
    stranger = world.connector.as_admin("acme")
    assert [each["stream_id"] for each in stranger.get(SIGNAL_STREAMS).json()["streams"]] == [theirs.stream_id]
    assert stranger.get(f"{SIGNAL_STREAMS}/{receiver.stream_id}").status_code == 404
    assert world.connector.as_admin().get(SIGNAL_STREAMS).json()["count"] == 1
    unknown = world.connector.as_admin().get(f"{SIGNAL_STREAMS}/{UNKNOWN_ID}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "IDVP-60100")
    assert world.connector.as_admin(scopes=("ssf.read",)).get(SIGNAL_STREAMS).status_code == 403


def test_named_users_are_counted_up_to_a_limit(world: World) -> None:
    few, many = (connect(as_client(world.connector, name)) for name in ("few", "many"))
    numbers = {few.stream_id: 2, many.stream_id: COUNTED + 5}
    rows = [
        {"stream_id": stream_id, "user_id": f"user-{at}", "tenant": world.tenant, "is_included": True}
        for stream_id, number in numbers.items()
        for at in range(number)
    ]
    with world.connector.services.database.write() as connection:
        connection.execute(insert(signal_subjects), rows)
    assert [report_of(world, each)["subjects"] for each in (few, many)] == [2, COUNTED]


@pytest.mark.one_database
def test_the_console_shows_streams_with_the_clients(world: World) -> None:
    browser, page = sign_in(world), f"{world.connector.url}/console/clients"
    assert "No stream yet." in browser.get(page, timeout=60).text
    receiver = connect(as_client(world.connector, "<app>"), description="<b>the app</b>")
    receiver.status("paused", reason="holidays")
    connect(as_client(world.connector, "theirs", tenant="acme"))
    text = browser.get(page, timeout=60).text
    [panel] = re.findall(r'aria-labelledby="streams".*?</section>', text, re.DOTALL)
    for words in ("&lt;app&gt;", "&lt;b&gt;the app", "holidays", "Paused", "polled", "assurance-level-change", "never"):
        assert words in panel
    assert "theirs" not in text
