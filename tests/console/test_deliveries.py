"""The pages of deliveries: what one sends or stores, and the sentence about the dead ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from connector.domain.signals import Receiver, StreamConfig
from connector.domain.tenancy import Tenant
from connector.store.models import outbox
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
