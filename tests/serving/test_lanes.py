"""Callers take turns for threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from connector.serving.lanes import Lane


def block(lane: Lane) -> Callable[[], None]:
    """Keep a lane's only thread busy until the returned function is called."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(60)

    lane.put("blocker", work)
    assert begun.wait(60)
    return go_on.set


def test_a_caller_with_many_requests_delays_other_callers_by_one() -> None:
    lane, end = Lane("test", 1), threading.Event()
    done: list[str] = []
    go_on = block(lane)
    for number in range(100):
        lane.put("much", partial(done.append, f"much {number}"))
    lane.put("ann", partial(done.append, "ann 0"))
    lane.put("ann", partial(done.append, "ann 1"))
    lane.put("ben", partial(done.append, "ben 0"))
    lane.put("much", end.set)
    go_on()
    assert end.wait(60)
    assert done[:6] == ["much 0", "ann 0", "ben 0", "much 1", "ann 1", "much 2"]
    assert len(done) == 103
    lane.close()


def test_every_thread_takes_the_next_request() -> None:
    lane, together = Lane("test", 3), threading.Barrier(4)
    for caller in "abc":
        lane.put(caller, partial(together.wait, 30))
    together.wait(60)
    lane.close()


def test_an_error_ends_no_thread() -> None:
    lane, end = Lane("test", 1), threading.Event()
    lane.put("ann", partial([].pop, 0))
    lane.put("ann", end.set)
    assert end.wait(60)
    lane.close()


def test_a_closed_lane_starts_no_more_requests() -> None:
    lane, begun = Lane("test", 1), threading.Event()
    go_on = block(lane)
    lane.put("ann", begun.set)
    lane.close()
    go_on()
    assert not begun.wait(0.2)
