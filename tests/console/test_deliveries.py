"""The pages of deliveries: what one sends or stores, and the sentence about the dead ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

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
        ("tell_task", "the body is created when it is sent, with what is read then"),
        ("tell_change", "the body is created when it is sent, with what is read then"),
        ("write_status", "for the connector’s own work: it is not sent like this"),
    ],
)
def test_any_other_delivery_says_that_its_stored_ids_are_not_the_body(world: World, kind: str, note: str) -> None:
    endpoint_id = "removed" if kind.startswith("tell") else None
    add(world, "other", world.clock(), kind=kind, payload={"later": "member"}, endpoint_id=endpoint_id)
    page = Console(world, "bob", ALL_SCOPES).open(f"{LIST}/other")
    assert "What is sent" not in page
    assert "What is stored" in page
    assert note in page


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
