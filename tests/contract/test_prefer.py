"""`Prefer: wait=N` with COMPLETED: waiting for a result, with limits on time and on the number of waiting calls."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from connector.settings import Settings
from tests.bodies import event_body
from tests.contract.wire import new_user, on_sqlite
from tests.harness import Caller, Clock, ConnectorServer, World
from tests.values import GIVEN_NAME


@pytest.fixture
def connector(settings: Settings, clock: Clock) -> Iterator[ConnectorServer]:
    """A connector with two threads, of which one may wait."""
    with ConnectorServer(dataclasses.replace(settings, threads=2), clock) as running:
        yield running


def complete(world: World, me: Caller, prefer: str | None) -> requests.Response:
    headers = {} if prefer is None else {"Prefer": prefer}
    answer = me.verify(world.provider_id, "COMPLETED", [GIVEN_NAME], headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


@contextmanager
def waiting(world: World, me: Caller, prefer: str) -> Iterator[Future[requests.Response]]:
    """A waiting caller: the run was read from Onfido without a result, and none has arrived since."""
    reads = reads_of(world)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(complete, world, me, prefer)
        world.wait_until(lambda: reads_of(world) > reads)
        with pytest.raises(TimeoutError):
            future.result(timeout=0.3)  # longer than the time between two looks for a result
        yield future


def reads_of(world: World) -> int:
    """The number of calls to Onfido for a run."""
    return int(world.onfido_state()["requests"].get("GET /workflow_runs/{run_id}", 0))


def clear_event(run_id: str) -> bytes:
    return event_body(run_id, comparisons={"first_name": "clear"})


def is_verified(answer: requests.Response) -> bool:
    return bool(answer.json()["claims"][0]["isVerified"])


@on_sqlite
@pytest.mark.parametrize(
    ("prefer", "granted"), [("WAIT = 21", 20), ("wait=999999999", 20), ("respond-async,wait=19, x=y", 19)]
)
def test_a_result_is_awaited_up_to_the_limit(shared: World, prefer: str, granted: int) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me, [GIVEN_NAME])
    with waiting(shared, me, prefer) as future:
        assert shared.post_event(clear_event(run_id)).status_code == 200
        answer = future.result(timeout=60)

    assert answer.headers["Preference-Applied"] == f"wait={granted}"
    assert is_verified(answer)


@on_sqlite
@pytest.mark.parametrize(
    "prefer",
    [None, "", "wait", "wait=", "wait=soon", "wait=-5", "wait=1.5", "wait=0", "await=5", "respond-async", "=;,"],
)
def test_a_missing_or_unreadable_preference_causes_no_wait(shared: World, prefer: str | None) -> None:
    _, me = new_user(shared)
    shared.start(me, [GIVEN_NAME])

    answer = complete(shared, me, prefer)

    assert "Preference-Applied" not in answer.headers
    assert not is_verified(answer)


@on_sqlite
def test_a_wait_may_end_without_a_result(shared: World) -> None:
    _, me = new_user(shared)
    shared.start(me, [GIVEN_NAME])
    began = time.monotonic()

    answer = complete(shared, me, "wait=1")

    assert time.monotonic() - began >= 1
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert not is_verified(answer)


def test_a_result_whose_webhook_was_lost_is_fetched_at_the_end_of_the_wait(shared: World) -> None:
    _, me = new_user(shared)
    run_id = shared.start(me, [GIVEN_NAME])
    with waiting(shared, me, "wait=3") as future:  # longer than the pause between two questions to Onfido
        shared.outcome(run_id)  # the connector gets no event
        answer = future.result(timeout=60)

    assert is_verified(answer)


def test_an_available_result_is_returned_at_once(shared: World) -> None:
    _, me = new_user(shared)
    shared.outcome(shared.start(me, [GIVEN_NAME]))

    for _ in range(2):
        answer = complete(shared, me, "wait=10")
        assert is_verified(answer)
        assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize("status", ["INITIATED", "REINITIATED"])
def test_a_preference_is_ignored_if_there_is_no_result_to_wait_for(shared: World, status: str) -> None:
    _, me = new_user(shared)
    if status == "REINITIATED":
        shared.start(me, [GIVEN_NAME])

    answer = me.verify(shared.provider_id, status, [GIVEN_NAME], headers={"Prefer": "wait=10"})

    assert answer.status_code == 200
    assert "Preference-Applied" not in answer.headers


def test_at_most_half_of_the_threads_wait_and_other_requests_are_answered_at_once(world: World) -> None:
    _, first = new_user(world)
    _, second = new_user(world)
    run_id = world.start(first, [GIVEN_NAME])
    world.start(second, [GIVEN_NAME])
    with waiting(world, first, "wait=20") as future:
        turned_away = complete(world, second, "wait=20")
        assert not future.done(), "the refused call has waited longer than the first"
        world.outcome(run_id)
        answer = future.result(timeout=60)

    assert "Preference-Applied" not in turned_away.headers
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert is_verified(answer)
    assert complete(world, second, "wait=1").headers["Preference-Applied"] == "wait=1"  # the place is free again


def test_waiting_does_not_block_other_requests(shared: World) -> None:
    _, me = new_user(shared)
    _, other = new_user(shared)
    run_id = shared.start(me, [GIVEN_NAME])
    with waiting(shared, me, "wait=20") as future:
        shared.start(other, [GIVEN_NAME])
        assert other.claims()
        assert not future.done()
        shared.post_event(clear_event(run_id))
        answer = future.result(timeout=60)

    assert answer.headers["Preference-Applied"] == "wait=20"
    assert is_verified(answer)
