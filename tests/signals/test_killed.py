"""Streams while workers are killed: the last event of each user matches the database.

`SIGNALS=10000` makes as many changes.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from connector.services.outbox import LEASE
from connector.store.engine import Database
from connector.store.models import outbox
from tests.contract.wire import USERS, entry
from tests.forked import Forked
from tests.harness import World, verified
from tests.services.ageing import let_pass
from tests.services.test_outbox import LEASE_OVER
from tests.services.test_workers import worker
from tests.signals.receiver import HIGH, Endpoint, Receiver, as_client, connect, level_of
from tests.signals.test_polling import waiting
from tests.values import GIVEN_NAME
from tests.waiting import wait_until

NUMBER = int(os.environ.get("SIGNALS", "160"))
ROUND = max(40, NUMBER // 25)  # changes between two kills
PERSONS = [f"user-{number}" for number in range(8)]
assert LEASE_OVER.total_seconds() == LEASE


@pytest.mark.timeout(600 + NUMBER)
def test_the_last_event_of_every_user_matches_the_database(world: World, tmp_path: Path) -> None:
    random_ = random.Random(7)
    world.connector.rest()
    with Endpoint(lambda *_: random_.choice([(202, None), (202, None), (503, None)])) as endpoint:
        pushed = connect(as_client(world.connector), endpoint.delivery)
        polled = connect(as_client(world.connector, "other"))
        for user_id in PERSONS:
            world.add_user(user_id)
        world.connector.deliver()  # until the current levels are stored, a first event may lack the former level
        wait_until(lambda: not left(world.connector.services.database))
        world.connector.rest()
        taken: list[str] = []
        with polling(polled, random_, taken):
            numbers = iter(range(NUMBER))
            while changes := list(itertools.islice(numbers, ROUND)):
                with workers(world, tmp_path) as processes:
                    for _ in changes:
                        change(world, random_.choice(PERSONS), is_verified=random_.random() < 0.5)
                    for process in processes:
                        process.kill()
                        process.wait(60)
                let_pass(world.connector.services.database, LEASE_OVER)
            endpoint.decide = lambda *_: (202, None)
            world.connector.deliver()
            wait_until(lambda: is_settled(world, pushed, polled), 120 + NUMBER / 10)
    levels = {user_id: bool(verified(claims_of(world, user_id))) for user_id in PERSONS}
    for receiver, tokens in ((pushed, endpoint.tokens), (polled, taken)):
        events = once_each([receiver.verify(token) for token in tokens])
        for user_id in PERSONS:
            mine = [level_of(each) for each in events if each["sub_id"]["sub"] == user_id]
            assert bool(mine and mine[-1][2] == HIGH) is levels[user_id]
            assert all(before[2] == after[1] != after[2] for before, after in itertools.pairwise(mine))


def change(world: World, user_id: str, *, is_verified: bool) -> None:
    """Mark a user's claim as verified, or not."""
    admin, body = world.connector.as_admin(), [entry(world.provider_id, isVerified=is_verified)]
    answer = admin.put(f"{USERS}/{user_id}/idv/claims", body)
    if answer.status_code == 404:
        answer = admin.post(f"{USERS}/{user_id}/idv/claims", body)
    assert answer.ok, answer.text


def claims_of(world: World, user_id: str) -> dict[str, Any]:
    answer = world.connector.as_admin().get(f"{USERS}/{user_id}/idv/claims")
    return {each["uri"]: each for each in answer.json() if each["uri"] == GIVEN_NAME}


@contextmanager
def workers(world: World, tmp_path: Path) -> Iterator[list[Forked]]:
    """Run two workers."""
    with ExitStack() as stack:
        yield [stack.enter_context(worker(world.connector.settings, tmp_path / "notes")) for _ in range(2)]


@contextmanager
def polling(receiver: Receiver, random_: random.Random, taken: list[str]) -> Iterator[None]:
    """Poll continuously; every second acknowledgement is lost."""
    is_over = threading.Event()

    def poll() -> None:
        confirmed: list[str] = []
        while not is_over.wait(0.05):
            sets = receiver.poll(ack=confirmed, maxEvents=5)["sets"]
            taken.extend(sets.values())
            confirmed = list(sets) if random_.random() < 0.5 else []

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(60)


def is_settled(world: World, *receivers: Receiver) -> bool:
    """Whether all deliveries are done; failed ones become due at once."""
    database = world.connector.services.database
    let_pass(database, LEASE_OVER / 4)
    return not left(database) and not any(waiting(world, each) for each in receivers)


def left(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).where(outbox.c.state != "done")).scalar_one()


def once_each(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each event once, by its id; check that a repeated event is equal."""
    by_id: dict[str, dict[str, Any]] = {}
    for event in events:
        assert by_id.setdefault(event["jti"], event) == event
    return list(by_id.values())
