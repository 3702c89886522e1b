"""The judgement of a soak: growing memory and losses are detected, and steady work passes."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from connector.domain.signals import LEVEL_CHANGE
from tests.soak.memory import Sample, judged
from tests.soak.signals import HIGH, LOW, about_stream
from tests.soak.verdict import about_runs

MIB = 2**20


def samples(size: Any, number: int = 200) -> list[Sample]:
    return [Sample(2.0 * at, int(size(at))) for at in range(number)]


@pytest.mark.parametrize(
    ("size", "is_flat"),
    [
        (lambda _: 90 * MIB, True),
        (lambda at: 60 * MIB + min(at, 40) * MIB // 2, True),  # it warms up
        (lambda at: 90 * MIB + random.Random(at).randrange(3 * MIB), True),
        (lambda at: 90 * MIB + at * MIB // 10, False),
        (lambda at: 90 * MIB + (at > 150) * 30 * MIB, False),
    ],
)
def test_growing_memory_is_distinguished_from_stable_memory(size: Any, is_flat: bool) -> None:
    assert judged(samples(size))["is_flat"] is is_flat


def test_too_few_samples_allow_no_verdict() -> None:
    assert judged(samples(lambda _: MIB, 3))["is_flat"] is None


def row(run_id: str, status: str, user_id: str) -> SimpleNamespace:
    return SimpleNamespace(run_id=run_id, status=status, user_id=user_id)


@pytest.mark.parametrize(
    ("rows", "runs", "words"),
    [
        ([row("r1", "approved", "u1")], {"r1": "approved"}, []),
        ([row("r1", "processing", "u1")], {"r1": "approved"}, ["is approved at Onfido"]),
        ([], {"r1": "approved"}, ["here None"]),
        (
            [row("r1", "approved", "u1"), row("r2", "approved", "u1")],
            {"r1": "approved", "r2": "approved"},
            ["2 runs", "2 runs"],
        ),
    ],
)
def test_a_lost_or_doubly_paid_result_is_detected(rows: Any, runs: dict[str, str], words: list[str]) -> None:
    problems = list(about_runs(1, rows, runs))
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


def event(event_id: str, before: str | None, now: str, user_id: str = "u1") -> dict[str, Any]:
    change = {"current_level": now} | ({} if before is None else {"previous_level": before})
    return {"jti": event_id, "sub_id": {"sub": user_id}, "events": {LEVEL_CHANGE: change}}


RISE, FALL = event("1", LOW, HIGH), event("2", HIGH, LOW)


@pytest.mark.parametrize(
    ("events", "verified", "words"),
    [
        ([RISE, FALL, event("3", LOW, HIGH), event("4", LOW, HIGH, "u2")], {"u1", "u2"}, []),
        ([RISE, RISE, FALL, RISE], set(), []),  # it came again
        ([event("1", None, HIGH)], {"u1"}, []),  # from before the levels were noted
        ([RISE, event("1", HIGH, LOW)], {"u1"}, ["two contents"]),
        ([RISE], set(), ["u1 is proofed"]),
        ([RISE, FALL], {"u1"}, ["u1 is asserted"]),
        ([], {"u1"}, ["u1 is asserted"]),
        ([RISE, event("3", LOW, HIGH)], {"u1"}, ["one is missing"]),
        ([FALL], set(), ["one is missing"]),
    ],
)
def test_a_lost_or_changed_signal_is_detected(events: Any, verified: set[str], words: list[str]) -> None:
    problems = list(about_stream(events, verified))
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))
