"""The rate of reading a run from Onfido: one call at a time, and one in two seconds, for all callers and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from connector.bootstrap import Services, create_services
from connector.domain.tenancy import Tenant
from connector.settings import Settings
from connector.store.verifications import turns
from tests.bodies import event_body
from tests.contract.wire import assert_error
from tests.harness import HTTP, Caller, World, verified
from tests.values import MAPPING

READ_RUN = "GET /workflow_runs/{run_id}"
PAUSE = 2.0
CLEAR: dict[str, str | None] = {"first_name": "clear", "last_name": "clear", "date_of_birth": "clear"}


@pytest.fixture
def ann(world: World) -> Caller:
    """A user; the clock is stopped, so that a pause lasts until a test moves it."""
    world.clock.stop()
    return world.add_user()


@pytest.fixture
def other_process(world: World, settings: Settings) -> Iterator[Services]:
    """The use cases of another process on the same database."""
    opened = create_services(settings, world.clock)
    yield opened
    opened.close()


def asked(world: World) -> int:
    """Return the number of times the run was read from Onfido."""
    return int(world.onfido_state()["requests"].get(READ_RUN, 0))


def open_run(world: World, caller: Caller) -> str:
    """Start a run, and advance the clock by a minute, so that the run may be read again."""
    run_id = world.start(caller)
    world.clock.advance(60)
    return run_id


def admin_refresh(world: World, run_id: str) -> Any:
    return world.connector.as_admin().post(
        f"/api/server/v1/idv-providers/{world.provider_id}/verifications/{run_id}/refresh", {}
    )


ASKERS: dict[str, Callable[[World, Caller, str], int]] = {
    "COMPLETED": lambda world, ann, _: ann.verify(world.provider_id, "COMPLETED").status_code,
    "INITIATED": lambda world, ann, _: ann.verify(world.provider_id, "INITIATED").status_code,
    "refresh": lambda world, _, run_id: int(admin_refresh(world, run_id).status_code),
}


@pytest.mark.parametrize("name", ASKERS)
def test_a_recently_fetched_run_is_not_fetched_again(world: World, ann: Caller, name: str) -> None:
    run_id, ask = open_run(world, ann), ASKERS[name]
    before = asked(world)
    statuses = {ask(world, ann, run_id) for _ in range(5)}
    assert (asked(world) - before, len(statuses)) == (1, 1)
    world.clock.advance(PAUSE - 0.5)
    ask(world, ann, run_id)
    assert asked(world) - before == 1
    world.clock.advance(PAUSE)
    ask(world, ann, run_id)
    assert asked(world) - before == 2


def test_a_turn_that_was_taken_before_the_clock_was_set_back_delays_nothing(world: World, ann: Caller) -> None:
    open_run(world, ann)
    for status in ("COMPLETED", "REINITIATED"):
        assert ann.verify(world.provider_id, status).status_code == 200
    world.clock.advance(-3600)
    for status in ("COMPLETED", "REINITIATED"):
        before = asked(world)
        assert ann.verify(world.provider_id, status).status_code == 200
        assert asked(world) - before == 1, status


def test_a_start_that_failed_before_the_clock_was_set_back_can_be_repeated(world: World, ann: Caller) -> None:
    world.faults(route="POST /applicants", failed=1)
    assert_error(ann.verify(world.provider_id, "INITIATED"), 503, "OIDV-10046")
    world.clock.advance(-3600)
    assert ann.verify(world.provider_id, "INITIATED").status_code == 200


def test_a_request_that_does_not_call_onfido_gets_the_stored_state(world: World, ann: Caller) -> None:
    run_id = open_run(world, ann)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    world.post_event(event_body(run_id, comparisons=CLEAR))
    answer = ann.verify(world.provider_id, "COMPLETED")
    assert {claim["uri"] for claim in answer.json()["claims"] if claim["isVerified"]} == set(MAPPING)


def test_only_one_of_many_concurrent_requests_calls_onfido_and_no_other_waits(world: World, ann: Caller) -> None:
    open_run(world, ann)
    before = asked(world)
    world.faults(route=READ_RUN, latency_ms=60_000)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(ann.verify, world.provider_id, "COMPLETED")
        world.wait_until(lambda: asked(world) > before)
        others = list(pool.map(lambda _: ann.verify(world.provider_id, "COMPLETED"), range(19)))
        assert not first.done(), "they had their answers before it"
        world.faults(latency_ms=0)
        assert {answer.status_code for answer in (*others, first.result())} == {200}
    assert asked(world) - before == 1


def test_processes_share_the_turns(world: World, ann: Caller, other_process: Services) -> None:
    open_run(world, ann)
    before = asked(world)
    for _ in range(2):
        assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
        other_process.verifications.complete(Tenant(world.tenant), "ann", world.provider_id, list(MAPPING))
    assert asked(world) - before == 1
    world.clock.advance(PAUSE)
    other_process.verifications.complete(Tenant(world.tenant), "ann", world.provider_id, list(MAPPING))
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert asked(world) - before == 2


def test_an_unanswered_fetch_is_repeated_at_once(world: World, ann: Caller) -> None:
    open_run(world, ann)
    world.faults(failed=-1)
    for status in ("COMPLETED", "COMPLETED", "REINITIATED", "REINITIATED"):
        assert_error(ann.verify(world.provider_id, status), 503, "OIDV-10046")
    world.faults(failed=0)
    for status in ("COMPLETED", "REINITIATED"):
        assert ann.verify(world.provider_id, status).status_code == 200


def test_a_refused_fetch_is_followed_by_a_pause(world: World, ann: Caller) -> None:
    open_run(world, ann)
    world.faults(route=READ_RUN, unauthorized=2)
    assert_error(ann.verify(world.provider_id, "COMPLETED"), 400, "OIDV-10038")
    before = asked(world)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert asked(world) == before
    world.clock.advance(PAUSE)
    assert_error(ann.verify(world.provider_id, "COMPLETED"), 400, "OIDV-10038")


def test_a_run_missing_at_onfido_is_not_fetched_again(world: World, ann: Caller) -> None:
    open_run(world, ann)
    assert HTTP.post(f"{world.simulator.url}/simulator/reset", timeout=60).ok
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    before = asked(world)
    world.clock.advance(PAUSE)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert asked(world) == before


def test_the_turn_of_a_killed_process_expires(world: World, ann: Caller) -> None:
    open_run(world, ann)
    (verification,) = world.verifications()
    until = world.clock() + timedelta(seconds=15)
    with world.connector.services.database.write() as connection:
        turns.take_refresh(connection, verification.verification_id, world.clock(), until)
    before = asked(world)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert asked(world) == before
    world.clock.advance(15)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert asked(world) - before == 1


def test_two_processes_never_have_the_same_turn(world: World, ann: Caller, other_process: Services) -> None:
    world.start(ann)
    (verification,) = world.verifications()
    now = world.clock()

    def take(services: Services) -> bool:
        with services.database.write() as connection:
            return (
                turns.take_refresh(connection, verification.verification_id, now, now + timedelta(seconds=2)).rowcount
                == 1
            )

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, [world.connector.services, other_process] * 10))
    assert taken.count(True) == 1


def test_an_sdk_token_is_created_at_most_once_in_two_seconds(
    world: World, ann: Caller, other_process: Services
) -> None:
    world.start(ann)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    assert ann.verify(world.provider_id, "REINITIATED").status_code == 200, "other callers' requests do not matter"
    made = world.onfido_state()["requests"]
    for _ in range(3):
        refused = ann.verify(world.provider_id, "REINITIATED")
        assert_error(refused, 429, "HTTP-429")
        assert 1 <= int(refused.headers["Retry-After"]) <= PAUSE
    assert world.onfido_state()["requests"] == made, "Onfido was not called"
    world.clock.advance(PAUSE)
    other_process.verifications.resume(Tenant(world.tenant), "ann", world.provider_id, list(MAPPING))
    assert_error(ann.verify(world.provider_id, "REINITIATED"), 429, "HTTP-429")


def test_a_run_that_cannot_be_resumed_is_reported_before_the_rate_limit(world: World, ann: Caller) -> None:
    run_id = world.start(ann)
    assert ann.verify(world.provider_id, "REINITIATED").status_code == 200
    world.post_event(event_body(run_id, comparisons=CLEAR))
    assert_error(ann.verify(world.provider_id, "REINITIATED"), 400, "OIDV-10033")


def test_upkeep_fetches_without_rate_limit(world: World, ann: Caller) -> None:
    """A run that Onfido approved without a comparison in its event has to be read, even if it was read a moment ago."""
    run_id = world.start(ann)
    assert ann.verify(world.provider_id, "COMPLETED").status_code == 200
    world.outcome(run_id, status="approved")
    world.wait_until(lambda: verified(ann.claims()) == set(MAPPING))
