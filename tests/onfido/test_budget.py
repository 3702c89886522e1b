"""The shared budget as one process uses it, on a clock that moves only on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from connector.errors import Code
from connector.onfido.budget import FRESH, Ahead, SharedLimit, Turn
from connector.onfido.pacing import HeldBackError, Pace, Queue, RateLimit
from tests.onfido.conftest import FakeTime

PER_MINUTE, BURST, WITHOUT_RESERVE = 60, 6, 4  # of a bucket of six, background calls leave one and a half
LATE = Turn(3.0, is_booked=False)


@dataclass
class Desk:
    """A budget that returns the test's turns, then turns that are due at once."""

    time: FakeTime
    turns: list[Turn | None] = field(default_factory=list)
    holds: list[float | None] = field(default_factory=list)
    takes: float = 0.0
    asked: list[tuple[float, bool]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    held_for: list[float] = field(default_factory=list)

    def book(self, _account: str, _pace: Pace, patience: float, *, is_background: bool, calls: int = 1) -> Turn | None:
        self.calls.append(calls)
        self.asked.append((patience, is_background))
        self.time.now += self.takes
        return self.turns.pop(0) if self.turns else Turn(0.0, is_booked=True)

    def held(self, _account: str) -> float | None:
        return self.holds.pop(0) if self.holds else 0.0

    def hold(self, _account: str, _pace: Pace, seconds: float) -> None:
        self.held_for.append(seconds)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def desk(time: FakeTime) -> Desk:
    return Desk(time)


@pytest.fixture
def queue() -> Queue:
    return Queue(1)


@pytest.fixture
def alone(time: FakeTime, queue: Queue) -> RateLimit:
    return RateLimit(PER_MINUTE, clock=time, sleep=time.sleep, queue=queue)


@pytest.fixture
def limit(time: FakeTime, desk: Desk, alone: RateLimit, queue: Queue) -> SharedLimit:
    pace = Pace.of(PER_MINUTE)
    return SharedLimit(desk, "account", pace, alone, clock=time, sleep=time.sleep, queue=queue)


@pytest.fixture
def limit_of_two(time: FakeTime, desk: Desk, alone: RateLimit, queue: Queue) -> SharedLimit:
    """Return the limit for a request that reserves two calls at once, from a bucket of six, one per second."""
    pace, clock = Pace.of(PER_MINUTE), time
    return SharedLimit(desk, "account", pace, alone, clock=clock, sleep=time.sleep, queue=queue, ahead=Ahead(2))


def held_back(call: Callable[[], object]) -> HeldBackError:
    with pytest.raises(HeldBackError) as caught:
        call()
    assert caught.value.code is Code.ONFIDO_THROTTLES
    assert not caught.value.is_sent
    return caught.value


def test_a_due_turn_needs_one_reservation(time: FakeTime, desk: Desk, limit: SharedLimit) -> None:
    began = time.now
    limit.wait_for_turn(15)
    limit.wait_for_turn(2, is_background=True)
    assert (time.now, desk.asked) == (began, [(15, False), (0, True)])


def test_an_interactive_call_sleeps_until_its_turn(time: FakeTime, desk: Desk, limit: SharedLimit) -> None:
    began = time.now
    desk.turns = [Turn(4.0, is_booked=True)]
    limit.wait_for_turn(5)
    assert (time.now - began, len(desk.asked)) == (4, 1)


def test_a_turn_beyond_the_time_limit_is_refused_at_once(time: FakeTime, desk: Desk, limit: SharedLimit) -> None:
    began = time.now
    desk.turns = [LATE]
    assert held_back(lambda: limit.wait_for_turn(2)).retry_after == 3
    assert time.now == began
    limit.wait_for_turn(2)  # and left the queue


def test_a_background_call_asks_again_once_its_turn_has_come(time: FakeTime, desk: Desk, limit: SharedLimit) -> None:
    began = time.now
    desk.turns = [Turn(1.0, is_booked=False), Turn(0.5, is_booked=False)]
    limit.wait_for_turn(2, is_background=True)
    assert (time.now - began, len(desk.asked)) == (1.5, 3)
    desk.turns = [LATE]
    assert held_back(lambda: limit.wait_for_turn(2, is_background=True)).retry_after == 3


def test_no_call_waits_longer_than_its_limit_for_a_slow_database(
    time: FakeTime, desk: Desk, limit: SharedLimit
) -> None:
    began = time.now
    desk.takes, desk.turns = 3, [Turn(4.0, is_booked=True)]
    held_back(lambda: limit.wait_for_turn(5))
    assert time.now - began == 3
    desk.turns = [Turn(1.0, is_booked=False)]
    held_back(lambda: limit.wait_for_turn(3.5, is_background=True))


def test_a_pause_during_a_wait_makes_the_call_reserve_again(time: FakeTime, desk: Desk, limit: SharedLimit) -> None:
    began = time.now
    desk.turns, desk.holds = [Turn(1.0, is_booked=True), Turn(5.0, is_booked=True)], [6.0, 0.0]
    limit.wait_for_turn(15)
    assert (time.now - began, [patience for patience, _ in desk.asked]) == (6, [15, 14])
    desk.turns, desk.holds = [Turn(1.0, is_booked=True)], [None]
    limit.wait_for_turn(15)  # where nothing is known of a pause, the turn counts


def test_a_call_that_finds_the_queue_full_gets_only_a_due_turn(desk: Desk, limit: SharedLimit, queue: Queue) -> None:
    assert queue.enter()
    limit.wait_for_turn(15)
    desk.turns = [LATE]
    held_back(lambda: limit.wait_for_turn(15))
    assert [patience for patience, _ in desk.asked] == [0, 0]
    queue.leave()
    limit.wait_for_turn(15)
    assert desk.asked[-1] == (15, False)


@pytest.mark.parametrize("is_background", [False, True])
def test_each_process_enforces_the_limit_without_the_database(
    desk: Desk, limit: SharedLimit, *, is_background: bool
) -> None:
    desk.turns = [None] * 100
    for _ in range(WITHOUT_RESERVE if is_background else BURST):
        limit.wait_for_turn(0, is_background=is_background)
    held_back(lambda: limit.wait_for_turn(0, is_background=is_background))
    desk.turns.clear()
    limit.wait_for_turn(0, is_background=is_background)  # the database answers again


def test_a_pause_holds_back_this_process_and_all_others(desk: Desk, limit: SharedLimit) -> None:
    limit.hold(20)
    assert desk.held_for == [20]
    desk.turns = [None]
    assert held_back(lambda: limit.wait_for_turn(5)).retry_after == 20


def test_two_calls_are_reserved_together_and_further_ones_alone(
    time: FakeTime, desk: Desk, limit_of_two: SharedLimit
) -> None:
    began = time.now
    desk.turns = [Turn(0.0, is_booked=True, full=2.0)]
    limit_of_two.wait_for_turn(15)
    limit_of_two.wait_for_turn(15)
    assert (time.now, desk.calls) == (began, [2])
    limit_of_two.wait_for_turn(15)
    limit_of_two.wait_for_turn(15)
    assert desk.calls == [2, 1, 1]


def test_after_a_pause_calls_are_reserved_one_by_one(time: FakeTime, desk: Desk, limit_of_two: SharedLimit) -> None:
    began = time.now
    desk.turns, desk.holds = [Turn(1.0, is_booked=True, full=3.0), Turn(4.0, is_booked=True)], [5.0]
    limit_of_two.wait_for_turn(15)
    assert (time.now - began, desk.calls) == (5.0, [2, 1])
    limit_of_two.wait_for_turn(15)
    assert desk.calls == [2, 1, 1], "the turn that was reserved before the pause is not used"


def test_the_second_call_waits_until_the_bucket_admits_it(
    time: FakeTime, desk: Desk, limit_of_two: SharedLimit
) -> None:
    began = time.now
    desk.turns = [Turn(0.5, is_booked=True, full=BURST + 1.5)]
    limit_of_two.wait_for_turn(15)
    assert time.now - began == 0.5
    limit_of_two.wait_for_turn(15)
    assert (time.now - began, desk.calls) == (1.5, [2])


def test_a_second_call_whose_turn_comes_too_late_is_held_back(desk: Desk, limit_of_two: SharedLimit) -> None:
    desk.turns = [Turn(0.0, is_booked=True, full=BURST + 3.0)]
    limit_of_two.wait_for_turn(15)
    held_back(lambda: limit_of_two.wait_for_turn(2))


def test_a_call_reserved_ahead_respects_a_pause_of_its_own_process(
    time: FakeTime, desk: Desk, alone: RateLimit, limit_of_two: SharedLimit
) -> None:
    limit_of_two.wait_for_turn(15)
    alone.hold(5.0)
    limit_of_two.wait_for_turn(15)
    assert desk.calls == [2, 1]


@pytest.mark.parametrize("held", [3.0, 0.0])
def test_a_call_reserved_long_before_respects_a_pause_of_any_process(
    time: FakeTime, desk: Desk, limit_of_two: SharedLimit, held: float
) -> None:
    limit_of_two.wait_for_turn(15)
    time.sleep(FRESH)
    desk.holds = [held]
    limit_of_two.wait_for_turn(15)
    assert (desk.calls, desk.holds) == ([2, 1] if held else [2], [])


def test_background_calls_are_not_reserved_ahead(desk: Desk, limit_of_two: SharedLimit) -> None:
    limit_of_two.wait_for_turn(2, is_background=True)
    limit_of_two.wait_for_turn(2, is_background=True)
    assert desk.calls == [1, 1]
