"""Run statuses: their transitions, and the properties of a snapshot."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.studio.workflow_run import (
    ABANDONED,
    APPROVED,
    AWAITING_INPUT,
    DECLINED,
    FINAL_STATUSES,
    PROCESSING,
    REVIEW,
    STARTING,
    Comparison,
    RunSnapshot,
    is_final,
    moves,
    next_check,
)

OPEN_STATUSES = (STARTING, PROCESSING, AWAITING_INPUT, "awaiting_client_input", "of_a_later_version")
statuses = st.sampled_from([*OPEN_STATUSES, *sorted(FINAL_STATUSES)]) | st.text(max_size=20)


def test_only_onfidos_five_final_statuses_are_final() -> None:
    assert frozenset({"approved", "declined", "review", "abandoned", "error"}) == FINAL_STATUSES
    assert not any(is_final(status) for status in OPEN_STATUSES)


@given(current=st.sampled_from(sorted(FINAL_STATUSES)), received=statuses)
def test_a_final_status_is_never_left(current: str, received: str) -> None:
    assert not moves(current, received)


@given(status=statuses)
def test_the_same_status_again_is_not_a_change(status: str) -> None:
    assert not moves(status, status)


@given(current=statuses.filter(lambda status: not is_final(status)), received=statuses)
def test_an_open_run_can_change_to_every_other_status(current: str, received: str) -> None:
    assert moves(current, received) == (current != received)


@given(first=st.sampled_from(OPEN_STATUSES), received=st.lists(statuses, max_size=12))
def test_a_run_keeps_its_first_final_status_whatever_events_follow(first: str, received: list[str]) -> None:
    current = first
    for status in received:
        if moves(current, status):
            current = status

    finals = [status for status in received if is_final(status)]
    assert current == (finals[0] if finals else [first, *received][-1])


@pytest.mark.parametrize(
    ("status", "comparisons", "is_conclusive"),
    [
        (APPROVED, None, False),
        (APPROVED, {}, True),
        (APPROVED, {"first_name": Comparison.CLEAR}, True),
        (DECLINED, None, False),
        (DECLINED, {}, True),
        (REVIEW, None, False),
        (ABANDONED, None, True),
        (PROCESSING, None, True),
    ],
)
def test_only_a_decided_run_without_comparison_must_be_fetched(
    status: str, comparisons: dict[str, Comparison] | None, is_conclusive: bool
) -> None:
    assert RunSnapshot("run", status, comparisons).is_conclusive is is_conclusive


@given(status=statuses)
def test_a_snapshot_is_final_when_its_status_is(status: str) -> None:
    assert RunSnapshot("run", status).is_final is is_final(status)


def test_a_snapshot_does_not_show_its_sdk_token() -> None:
    assert "sdk-secret" not in repr(RunSnapshot("run", AWAITING_INPUT, sdk_token="sdk-secret"))


ages = st.timedeltas(timedelta(), timedelta(days=400))


@given(age=ages, older=ages)
def test_an_older_run_is_checked_less_often_within_bounds(age: timedelta, older: timedelta) -> None:
    wait, longer = sorted([next_check(age), next_check(older)])
    assert (wait, longer) == (next_check(min(age, older)), next_check(max(age, older)))
    assert timedelta(minutes=2) <= wait
    assert longer <= timedelta(hours=12)


def test_a_lost_webhook_delays_a_result_by_a_quarter_of_the_runs_age() -> None:
    assert next_check(timedelta(hours=8)) == timedelta(hours=2)
