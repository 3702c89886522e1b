"""The rate limit and the circuit breaker alone, on a clock that moves only on request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Code
from connector.onfido.pacing import (
    LONGEST_RETRY_AFTER,
    MOST_KEPT,
    PROBE_LEASE,
    Circuit,
    HeldBackError,
    Queue,
    RateLimit,
    Recent,
)
from connector.onfido.transport import FAILURES_TO_OPEN
from tests.onfido.conftest import FakeTime

FOREVER = 1e9
PER_MINUTE, BURST, RESERVE, INTERVAL = 400, 40, 10, 0.15


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def limit(time: FakeTime) -> RateLimit:
    return RateLimit(PER_MINUTE, clock=time, sleep=time.sleep)


@pytest.fixture
def circuit(time: FakeTime) -> Circuit:
    return Circuit(FAILURES_TO_OPEN, clock=time)


def held_back(call: Callable[[], object]) -> HeldBackError:
    with pytest.raises(HeldBackError) as caught:
        call()
    assert not caught.value.is_sent
    assert caught.value.is_retryable
    return caught.value


def taken(limit: RateLimit, *, is_background: bool = False) -> int:
    """Use all turns that are due at once."""
    for number in count():
        try:
            limit.wait_for_turn(0, is_background=is_background)
        except HeldBackError:
            return number
    raise AssertionError


steps = st.tuples(st.sampled_from(["interactive", "background", "hold", "impatient"]), st.floats(0, 20) | st.just(0.0))


@given(st.floats(0.5, 2000), st.lists(steps, max_size=80))
def test_no_window_contains_more_turns_than_the_rate_and_one_burst(
    per_minute: float, script: list[tuple[str, float]]
) -> None:
    """Sleeping does not move the clock, so that all calls wait at the same time."""
    time = FakeTime()
    held_until = 0.0
    turns: list[float] = []
    limit = RateLimit(per_minute, clock=time, sleep=lambda seconds: turns.append(time.now + seconds))
    for kind, seconds in script:
        time.now += seconds
        if kind == "hold":
            limit.hold(seconds)
            held_until = max(held_until, time.now + seconds)
            turns = [turn for turn in turns if turn <= time.now or turn >= held_until]  # the others are not used
        elif kind == "interactive":
            limit.wait_for_turn(FOREVER)
            assert turns[-1] >= held_until
        else:
            patience, is_background = (0, True) if kind == "background" else (seconds, False)
            try:
                limit.wait_for_turn(patience, is_background=is_background)
            except HeldBackError:
                continue
            assert turns[-1] <= time.now + patience
    turns.sort()
    burst = max(1.0, per_minute / 10)
    for first, start in enumerate(turns):
        for number, end in enumerate(turns[first:], 1):
            assert number <= burst + (end - start) * per_minute / 60 + 1e-6


def test_a_full_bucket_is_a_tenth_of_a_minutes_calls_and_fills_at_the_rate(time: FakeTime, limit: RateLimit) -> None:
    assert taken(limit) == BURST
    time.now += 10.01 * INTERVAL
    assert taken(limit) == 10
    time.now += 3600
    assert taken(limit) == BURST


def test_background_calls_leave_a_quarter_of_the_bucket_to_interactive_ones(limit: RateLimit) -> None:
    assert taken(limit, is_background=True) == BURST - RESERVE
    assert taken(limit) == RESERVE


def test_a_background_call_waits_until_the_reserve_is_full_again(time: FakeTime, limit: RateLimit) -> None:
    taken(limit)
    error = held_back(lambda: limit.wait_for_turn(1.4, is_background=True))
    assert (error.code, error.retry_after) == (Code.ONFIDO_THROTTLES, 2)
    started = time.now
    limit.wait_for_turn(2, is_background=True)
    assert time.now - started == pytest.approx((RESERVE + 1) * INTERVAL)
    time.now += 1e-6
    assert taken(limit) == RESERVE


def test_interactive_calls_overtake_a_waiting_background_call(time: FakeTime) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        waits.append(seconds)
        if len(waits) == BURST + 1:  # the background call's first
            for _ in range(5):
                rate_limit.wait_for_turn(0)

    rate_limit = RateLimit(PER_MINUTE, clock=time, sleep=sleep)
    taken(rate_limit)
    started = time.now
    rate_limit.wait_for_turn(FOREVER, is_background=True)
    assert time.now - started == pytest.approx((RESERVE + 1 + 5) * INTERVAL)


@pytest.mark.parametrize("per_minute", [0.1, 1, 10, 11])
def test_background_calls_are_sent_even_if_a_bucket_holds_only_one_call(time: FakeTime, per_minute: float) -> None:
    limit = RateLimit(per_minute, clock=time, sleep=time.sleep)
    assert taken(limit, is_background=True) == 1
    limit.wait_for_turn(60 / per_minute, is_background=True)
    assert held_back(lambda: limit.wait_for_turn(0)).retry_after == pytest.approx(60 / per_minute, abs=1)


def test_interactive_calls_queue_and_fail_immediately_if_the_queue_is_too_long(time: FakeTime) -> None:
    waits: list[float] = []
    limit = RateLimit(60, clock=time, sleep=waits.append)
    for _ in range(6 + 3):
        limit.wait_for_turn(3)
    assert waits == pytest.approx([0] * 6 + [1, 2, 3])
    error = held_back(lambda: limit.wait_for_turn(3.9))
    assert (error.code, error.retry_after) == (Code.ONFIDO_THROTTLES, 4)
    assert error.description == "Onfido's limit of calls is reached: ask again in 4 seconds."
    limit.wait_for_turn(4)
    assert waits[-1] == pytest.approx(4)  # whoever was refused took no turn


def test_a_hold_delays_every_call_and_leaves_an_empty_bucket(time: FakeTime, limit: RateLimit) -> None:
    limit.hold(30)
    limit.hold(5)  # a shorter one does not cut it short
    time.now += 29
    assert held_back(lambda: limit.wait_for_turn(0.9)).retry_after == 1
    assert held_back(lambda: limit.wait_for_turn(2, is_background=True)).retry_after == 3
    time.now += 1
    assert taken(limit) == 1


def test_the_length_of_a_hold_is_limited(limit: RateLimit) -> None:
    limit.hold(10**4000)
    assert held_back(lambda: limit.wait_for_turn(0)).retry_after == LONGEST_RETRY_AFTER


@pytest.mark.parametrize(("is_background", "waited", "told"), [(False, 13.25, 60), (True, 16.625, 61)])
def test_a_hold_also_delays_a_call_that_is_already_waiting(
    time: FakeTime, waited: float, told: int, *, is_background: bool
) -> None:
    holds = [7.0, 9.0]

    def sleep(seconds: float) -> None:
        time.sleep(seconds / 2)
        if seconds and holds:
            rate_limit.hold(holds.pop(0))
        time.sleep(seconds / 2)

    rate_limit = RateLimit(60, clock=time, sleep=sleep)
    taken(rate_limit)
    started = time.now
    rate_limit.wait_for_turn(20, is_background=is_background)
    assert time.now - started == pytest.approx(waited)
    holds.append(60)
    error = held_back(lambda: rate_limit.wait_for_turn(20, is_background=is_background))
    assert error.retry_after == told


def test_many_threads_together_take_only_the_available_turns(limit: RateLimit) -> None:
    with ThreadPoolExecutor(50) as threads:
        assert sum(threads.map(lambda _: taken(limit), range(50))) == BURST


def fail(circuit: Circuit, times: int = 1) -> None:
    for _ in range(times):
        circuit.leave(circuit.enter(), is_alive=False)


def pause_of(circuit: Circuit) -> int | None:
    error = held_back(circuit.check)
    assert error.code is Code.ONFIDO_UNREACHABLE
    return error.retry_after


def test_the_circuit_opens_after_a_number_of_consecutive_failures(circuit: Circuit) -> None:
    fail(circuit, FAILURES_TO_OPEN - 1)
    circuit.leave(circuit.enter(), is_alive=True)
    fail(circuit, FAILURES_TO_OPEN - 1)
    circuit.leave(circuit.enter(), is_alive=None)  # neutral: neither ends the series nor adds to it
    circuit.check()
    fail(circuit)
    assert pause_of(circuit) == 10
    error = held_back(circuit.enter)
    assert error.description == "Onfido failed to answer several times in a row: ask again in 10 seconds."


def test_the_pause_doubles_up_to_a_minute_and_starts_over_after_a_recovery(time: FakeTime, circuit: Circuit) -> None:
    pauses = []
    fail(circuit, FAILURES_TO_OPEN)
    for _ in range(5):
        pause = pause_of(circuit)
        assert pause is not None
        pauses.append(pause)
        time.now += pause - 0.5
        assert pause_of(circuit) == 1
        time.now += 0.5
        fail(circuit)
    assert pauses == [10, 20, 40, 60, 60]
    time.now += 60
    circuit.leave(circuit.enter(), is_alive=True)
    fail(circuit, FAILURES_TO_OPEN - 1)
    circuit.check()
    fail(circuit)
    assert pause_of(circuit) == 10


def test_only_one_of_many_threads_probes(time: FakeTime, circuit: Circuit) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    time.now += 10
    start = threading.Barrier(50)

    def enter(_: int) -> bool:
        start.wait()
        try:
            return circuit.enter() is not None
        except HeldBackError:
            return False

    with ThreadPoolExecutor(50) as threads:
        assert sum(threads.map(enter, range(50))) == 1
    assert pause_of(circuit) == 10


def test_a_probe_without_a_result_is_followed_by_another(time: FakeTime, circuit: Circuit) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    time.now += 10
    circuit.leave(circuit.enter(), is_alive=None)
    fail(circuit)
    assert pause_of(circuit) == 20


def test_a_probe_that_is_not_sent_is_followed_by_another(time: FakeTime, circuit: Circuit) -> None:
    fail(circuit, FAILURES_TO_OPEN)
    time.now += 10
    lost = circuit.enter()
    time.now += PROBE_LEASE - 1
    held_back(circuit.enter)
    time.now += 1
    probe = circuit.enter()
    circuit.leave(lost, is_alive=None)
    circuit.leave(lost, is_alive=False)
    held_back(circuit.enter)
    circuit.leave(probe, is_alive=False)
    assert pause_of(circuit) == 20


def test_failures_of_calls_sent_before_the_outage_was_known_change_nothing(time: FakeTime, circuit: Circuit) -> None:
    under_way = [circuit.enter() for _ in range(50)]
    for lease in under_way[:-1]:
        circuit.leave(lease, is_alive=False)
    assert pause_of(circuit) == 10
    time.now += 10
    probe = circuit.enter()
    circuit.leave(under_way[-1], is_alive=False)
    held_back(circuit.enter)
    circuit.leave(probe, is_alive=True)
    circuit.check()


def test_an_answer_to_any_call_closes_the_circuit(circuit: Circuit) -> None:
    slow = circuit.enter()
    fail(circuit, FAILURES_TO_OPEN)
    circuit.leave(slow, is_alive=True)
    circuit.check()


def test_concurrent_first_callers_share_one_bucket_per_key() -> None:
    recent = Recent(object)
    start = threading.Barrier(50)

    def get(number: int) -> object:
        start.wait()
        return recent.get(number % 2)

    with ThreadPoolExecutor(50) as threads:
        assert len(set(threads.map(get, range(50)))) == 2


def test_the_longest_unused_of_too_many_buckets_is_discarded() -> None:
    recent = Recent(object)
    first, second = recent.get(0), recent.get(1)
    for key in range(2, MOST_KEPT):
        recent.get(key)
    assert recent.get(0) is first
    recent.get("one too many")
    assert recent.get(0) is first
    assert recent.get(1) is not second


def test_the_last_of_too_many_waiting_interactive_calls_fail_at_once(time: FakeTime) -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def sleep(seconds: float) -> None:
        if seconds:
            waiting.release()
            assert go_on.wait(30)
            time.now += seconds

    queue = Queue(2)
    limits = [RateLimit(60, clock=time, sleep=sleep, queue=queue) for _ in range(2)]
    for limit in limits:
        taken(limit)
    with ThreadPoolExecutor(2) as threads:
        waits = [threads.submit(limit.wait_for_turn, 10) for limit in limits]
        assert waiting.acquire(timeout=60)
        assert waiting.acquire(timeout=60)
        for limit in limits:
            assert held_back(partial(limit.wait_for_turn, 10)).retry_after == 2
        go_on.set()
        for wait in waits:
            wait.result(30)
    limits[0].wait_for_turn(10)  # there is room again, and none of those that were held back has a turn


def test_background_calls_are_not_counted_in_the_queue(time: FakeTime) -> None:
    limit = RateLimit(60, clock=time, sleep=time.sleep, queue=Queue(1))
    taken(limit)
    for _ in range(3):
        limit.wait_for_turn(100, is_background=True)
