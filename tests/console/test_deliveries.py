"""The pages of deliveries: what one sends or stores, and the sentence about the dead ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from connector.domain.signals import Receiver, StreamConfig
from connector.domain.tenancy import Tenant
from connector.store.models import notice_endpoints, outbox
from tests.contract.wire import ALL_SCOPES
from tests.harness import World
from tests.plans.browsing import Console

pytestmark = pytest.mark.one_database
LIST = "/console/deliveries"


def add(world: World, delivery_id: str, settled_at: datetime, **values: Any) -> None:
    """Insert a dead delivery."""
    row = {"kind": "tell_change", "tenant": world.tenant, "payload": {}, "state": "dead", "attempts": 12, "history": []}
    times = dict.fromkeys(("due_at", "created_at", "settled_at"), settled_at)
    with world.connector.services.database.write() as connection:
        connection.execute(insert(outbox).values(row | times | values | {"id": delivery_id}))


def add_endpoint(world: World) -> str:
    """Create an endpoint of an application; return its id."""
    body = {"url": f"{world.simulator.url}/nowhere", "events": ["verification.finished"]}
    answer = world.connector.as_admin().post("/api/server/v1/notice-endpoints", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def fail(world: World, endpoint_id: str, since: datetime, **values: Any) -> None:
    """Store that an endpoint has accepted nothing since a time."""
    failing = {"failures": 3, "failing_since": since, "last_status": 503}
    with world.connector.services.database.write() as connection:
        stored = update(notice_endpoints).where(notice_endpoints.c.id == endpoint_id)
        connection.execute(stored.values(failing | values))


def add_stream(world: World, description: str) -> str:
    """Create a stream of signals; return its id."""
    config, receiver = StreamConfig(description=description), Receiver("https://receiver.example", "the-shop")
    streams = world.connector.services.signal_streams
    return str(streams.add(Tenant(world.tenant), receiver, "https://idv.example", config).stream_id)


def test_a_notice_of_a_change_shows_the_body_that_is_posted(world: World) -> None:
    notice = {
        "tenant": world.tenant,
        "provider_id": world.provider_id,
        "verification_id": None,
        "notice_id": "the-id",
        "at": "2026-01-01T00:00:00Z",
        "event": "claims.changed",
        "user_id": "ann",
        "reason": None,
    }
    add(world, "known", world.clock(), payload=notice, endpoint_id="removed")
    page = Console(world, "bob", ALL_SCOPES).open(f"{LIST}/known")
    assert "What is sent" in page
    assert "{&#34;type&#34;: &#34;claims.changed&#34;, &#34;id&#34;: &#34;the-id&#34;" in page
    assert "notice_id" not in page


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("tell_task", "from the verification and from the task at Onfido as they are then"),
        ("tell_matches", "The body is built when it is sent, from the verification’s state then."),
        ("push_signals", "each is signed when it is sent"),
        ("tell_change", "The body is built when it is sent, from what is stored then."),
        ("write_status", "for the connector’s own work: it is not sent like this"),
    ],
)
def test_any_other_delivery_says_that_its_stored_ids_are_not_the_body(world: World, kind: str, note: str) -> None:
    endpoint_id = None if kind == "write_status" else "removed"
    payload = {"later": "member", "notice_id": "the-id", "task_id": "the-task"}
    add(world, "other", world.clock(), kind=kind, payload=payload, endpoint_id=endpoint_id)
    page = Console(world, "bob", ALL_SCOPES).open(f"{LIST}/other")
    assert note in page
    assert "What is stored" in page
    assert ('<dd class="break">the-task</dd>' in page) is (endpoint_id is not None)
    assert "the body of the POST" not in page


def test_a_stream_of_signals_has_its_name_as_the_destination(world: World) -> None:
    stream = add_stream(world, "The shop’s signals")
    for delivery_id, stream_id in (("known", stream), ("other", "removed-stream")):
        add(world, delivery_id, world.clock(), kind="push_signals", endpoint_id=stream_id)
    console = Console(world, "bob", ALL_SCOPES)
    for path in (LIST, f"{LIST}/known"):
        assert "receiver of the stream The shop’s signals" in console.open(path)
    assert "receiver of the stream removed-stream" in console.open(f"{LIST}/other")


def test_the_sentence_about_dead_deliveries_does_not_depend_on_older_ones(world: World) -> None:
    admin, now = Console(world, "bob", ALL_SCOPES), world.clock()
    old = {"kind": "tell_change", "tenant": world.tenant, "payload": {}, "state": "dead", "attempts": 12, "history": []}
    at = dict.fromkeys(("due_at", "created_at", "settled_at"), now - timedelta(days=3))
    with world.connector.services.database.write() as connection:
        connection.execute(insert(outbox), [{**old, **at, "id": f"old-{each}"} for each in range(10_001)])
    assert "No delivery became dead in the last 24 hours." in admin.open(LIST)
    add(world, "recent", now - timedelta(hours=1), created_at=now - timedelta(days=5))
    assert "1 delivery became dead in the last 24 hours." in admin.open(LIST)
    with world.connector.services.database.write() as connection:
        at["settled_at"] = now - timedelta(hours=2)
        connection.execute(insert(outbox), [{**old, **at, "id": f"new-{each}"} for each in range(9_999)])
    assert "10000 deliveries became dead in the last 24 hours." in admin.open(LIST)
    assert "Resend 10,000</button>" in admin.open(f"{LIST}/dead/resend")
    add(world, "one more", now - timedelta(hours=1))
    assert "More than 10,000 deliveries became dead in the last 24 hours." in admin.open(LIST)
    assert "more than 10,000" in admin.open(f"{LIST}/dead")
    asked = admin.open(f"{LIST}/dead/resend")
    assert "Resend all</button>" in asked
    assert "more than 10,000 deliveries would have to be read" in asked


def test_a_delivery_names_its_provider_and_says_whether_it_was_tried(world: World) -> None:
    later = world.clock() + timedelta(days=1)
    add(world, "untried", later, provider_id=world.provider_id, state="ready", attempts=0)
    add(world, "tried", world.clock(), provider_id="removed-provider")
    console = Console(world, "bob", ALL_SCOPES)
    name = world.connector.services.providers.get(Tenant(world.tenant), world.provider_id).name
    page = console.open(f"{LIST}/untried")
    assert f'/console/providers/{world.provider_id}">{name}</a>' in page
    assert "It was not tried yet." in page
    page = console.open(f"{LIST}/tried")
    assert "removed-" in page
    assert "No attempt is recorded." in page


def test_the_list_says_that_notices_of_an_endpoint_that_fails_wait(world: World) -> None:
    console = Console(world, "bob", ALL_SCOPES)
    endpoint_id = add_endpoint(world)
    waiting = "1 endpoint accepts no notices. They wait, and none was lost in the last 24 hours."
    assert waiting not in console.open(LIST)
    fail(world, endpoint_id, world.clock())
    page = console.open(LIST)
    assert waiting in page
    assert "they are sent by themselves within minutes of its next success" in page
    assert "Those that still wait are sent by themselves" in console.open(f"{LIST}/dead")


def test_an_endpoint_that_has_failed_for_minutes_is_an_open_task(world: World) -> None:
    console, text = Console(world, "bob", ALL_SCOPES), "/nowhere” accepts no notices."
    endpoint_id = add_endpoint(world)
    fail(world, endpoint_id, world.clock() - timedelta(minutes=4))
    assert text not in console.open("/console/home"), "it may only be restarting"
    fail(world, endpoint_id, world.clock() - timedelta(minutes=6))
    assert text in console.open("/console/home")
    assert text not in Console(world, "vera", ["internal_idvp_view"]).open("/console/home")
    fail(world, endpoint_id, world.clock() - timedelta(minutes=6), disabled_because="administrator")
    assert text not in console.open("/console/home")
