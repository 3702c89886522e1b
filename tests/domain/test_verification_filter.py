"""Reading the filter of verifications: accepted values, and refusals by the parameter's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.domain.verifications.verification import VerificationFilter
from connector.domain.verifications.verification_filter import STATUSES, read_filter
from connector.errors import InvalidQuery

NOTHING: dict[str, str | None] = dict.fromkeys(
    ("status", "userId", "tag", "environment", "claim", "result", "needsReview", "decision", "capture", "from", "to")
)


def read(**words: str) -> VerificationFilter:
    return read_filter(NOTHING | words)


def test_an_empty_filter_selects_everything() -> None:
    assert read() == VerificationFilter()
    assert read_filter(NOTHING, provider_id="the-provider") == VerificationFilter(provider_id="the-provider")


def test_names_are_used_unchanged() -> None:
    assert read(userId="ann", tag="vip") == VerificationFilter(user_id="ann", tag="vip")


@pytest.mark.parametrize("environment", ["sandbox", "live"])
def test_an_environment_must_be_sandbox_or_live(environment: str) -> None:
    assert read(environment=environment) == VerificationFilter(environment=environment)


@pytest.mark.parametrize(
    "result",
    [
        *("clear", "consider", "unidentified", "not_compared", "differs", "value_changed", "run_gone"),
        *("sandbox", "live"),
    ],
)
def test_claim_and_result_must_be_given_together(result: str) -> None:
    assert read(claim="urn:dob", result=result) == VerificationFilter(claim="urn:dob", result=result)


@pytest.mark.parametrize(("text", "is_asked"), [("true", True), ("false", False)])
def test_reviews_are_selected_by_true_or_false(text: str, *, is_asked: bool) -> None:
    assert read(needsReview=text) == VerificationFilter(needs_review=is_asked)


def test_a_decision_and_the_way_of_capture_are_selected_by_name() -> None:
    for name in ("approved", "declined", "none", "awaited"):
        assert read(decision=name) == VerificationFilter(decision=name)
    for name in ("sdk", "link"):
        assert read(capture=name) == VerificationFilter(capture=name)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"environment": "production"}, "environment: must be one of sandbox, live"),
        ({"environment": ""}, "environment: must be one of"),
        ({"needsReview": "yes"}, "needsReview: must be one of true, false"),
        ({"decision": "approve"}, "decision: must be one of approved, declined, none"),
        ({"capture": "camera"}, "capture: must be one of sdk, link"),
        ({"claim": "urn:dob"}, "result: must be given together with `claim`"),
        ({"result": "clear"}, "claim: must be given together with `result`"),
        ({"claim": "urn:dob", "result": "verified"}, "result: must be one of clear, consider"),
    ],
)
def test_an_impossible_filter_is_refused_by_name(words: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        read(**words)
    assert named in caught.value.description


@pytest.mark.parametrize("text", ["review,declined", " review , declined", "review,declined,review"])
def test_several_statuses_are_joined_by_commas(text: str) -> None:
    assert read(status=text).statuses == ("review", "declined")


def test_every_status_is_known() -> None:
    assert read(status=",".join(STATUSES)).statuses == STATUSES
    assert len(STATUSES) == 9


@pytest.mark.parametrize("text", ["", ",", "review,", "Review", "reviewed", "review declined"])
def test_an_unknown_status_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InvalidQuery, match=r"^status: ") as caught:
        read(status=text)
    assert all(name in caught.value.description for name in STATUSES)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:30", datetime(2026, 1, 31, 9, 30, tzinfo=UTC)),
        ("2026-01-31 09:30:15", datetime(2026, 1, 31, 9, 30, 15, tzinfo=UTC)),
        ("2026-01-31T09:30:15.250Z", datetime(2026, 1, 31, 9, 30, 15, 250_000, tzinfo=UTC)),
        ("2026-01-31T00:30:00+01:00", datetime(2026, 1, 30, 23, 30, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_period_begins_with_its_moment_or_the_start_of_its_day(text: str, moment: datetime) -> None:
    assert read(**{"from": text}).created_from == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-31T00:00", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T23:59:59-02:00", datetime(2026, 2, 1, 1, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_period_ends_before_its_moment_or_after_its_day(text: str, moment: datetime) -> None:
    assert read(to=text).created_before == moment


def test_one_day_can_be_a_period() -> None:
    found = read(**{"from": "2026-01-31"}, to="2026-01-31")
    assert found.created_from
    assert found.created_before == found.created_from + timedelta(days=1)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "today", "2026", "2026-02-30", "2026-13-01", "31.01.2026", "20260131", "2026-W05", "1769817600"),
        *("2026-01-31T25:00", "2026-01-31T", "2026-01-31T09:30 01:00", "2026-01-31x09:30", "2026-01-31\n"),
        *("٢٠٢٦-01-31", "0001-01-01T00:00+23:00", "-2026-01-31", "2026-01-31T09:30\0"),
    ],
)
def test_an_invalid_time_is_refused_with_its_parameter(name: str, text: str) -> None:
    with pytest.raises(InvalidQuery, match=f"^{name}: "):
        read(**{name: text})


def test_the_last_day_of_the_calendar_is_refused() -> None:
    assert read(**{"from": "9999-12-31"}).created_from
    with pytest.raises(InvalidQuery, match=r"^to: "):
        read(to="9999-12-31")


@pytest.mark.parametrize("name", ["userId", "tag"])
def test_a_text_longer_than_any_stored_one_is_refused(name: str) -> None:
    read(**{name: "x" * 255})
    with pytest.raises(InvalidQuery, match=f"^{name}: "):
        read(**{name: "x" * 256})
