"""Notices while workers are killed: each change is delivered at least once, and nothing to a removed endpoint.

`NOTICES=10000` makes as many changes.
"""

from __future__ import annotations

import itertools
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from connector.domain.audit.history import CLAIM, Change
from connector.domain.notices import CLAIMS_CHANGED, EndpointConfig
from connector.domain.tenancy import Tenant
from connector.services.announcements.notice_announcement import announcements
from connector.services.journal import Journal
from connector.services.outbox import LEASE
from connector.settings import Settings
from connector.store.models import outbox
from tests.harness import World
from tests.services.ageing import let_pass
from tests.services.receiving import Application, Reply
from tests.services.test_outbox import LEASE_OVER
from tests.services.test_workers import worker
from tests.waiting import GENEROUS, wait_until

NUMBER = int(os.environ.get("NOTICES", "200"))
ROUND = max(50, NUMBER // 25)  # changes between two kills
assert LEASE_OVER.total_seconds() == LEASE


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    return own_settings


def change(number: int) -> Change:
    """Return a change of a claim of a separate user, who is verified and un-verified in turn."""
    current = ("verified", "value_changed")[number % 2]
    now = datetime.now(UTC)
    return Change(at=now, tenant="killed", subject=CLAIM, current=current, cause="test", user_id=f"user-{number // 2}")


def test_every_change_is_announced_although_workers_are_killed(world: World, tmp_path: Path) -> None:
    world.connector.rest()
    services, tenant, random_ = world.connector.services, Tenant("killed"), random.Random(7)
    database, journal = services.database, Journal((), announcements())
    with Application() as kept, Application() as removed:
        endpoint, secret = services.endpoints.add(tenant, EndpointConfig(kept.url, (CLAIMS_CHANGED,)))
        doomed, _ = services.endpoints.add(tenant, EndpointConfig(removed.url, (CLAIMS_CHANGED,)))
        numbers = itertools.count()
        sent_before = 0
        for at in range(max(1, NUMBER // ROUND)):
            kept.answers(Reply(500), Reply(hangs_up=True), Reply())
            with worker(world.connector.settings, tmp_path / "notes") as process:
                for number in itertools.islice(numbers, ROUND):
                    with database.write() as connection:
                        journal.record(connection, [change(number)])
                wait_for(kept, len(kept.received) + random_.randrange(1, ROUND // 2))
                process.kill()
                process.wait(60)
            if at == 0:
                let_pass(database, LEASE_OVER)
                services.endpoints.remove(tenant, doomed.endpoint_id)
                sent_before = len(removed.received)
            let_pass(database, LEASE_OVER)
        with worker(world.connector.settings, tmp_path / "notes"):
            wait_until(lambda: not left(world), GENEROUS + NUMBER / 20)

    told = [body["data"]["userId"] for body in {each.raw: each.body for each in kept.received}.values()]
    assert sorted(told) == sorted(f"user-{number // 2}" for number in range(max(1, NUMBER // ROUND) * ROUND))
    assert all(Webhook(secret).verify(each.raw, dict(each.headers)) for each in kept.received[-5:])
    assert len(removed.received) == sent_before
    assert services.endpoints.rate(endpoint).deliveries > 0


def wait_for(application: Application, number: int) -> None:
    """Wait until the application has received this number of notices."""
    wait_until(lambda: len(application.received) >= number)


def left(world: World) -> int:
    """Return the number of notices that are not delivered."""
    database = world.connector.services.database
    with database.read() as connection:
        waiting = connection.execute(outbox.select().where(outbox.c.state != "done")).all()
    return len(waiting)
